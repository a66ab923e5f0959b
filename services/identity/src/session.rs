//! Sessions: how long a sign-in lives, and what the use of a refresh token means.

pub(crate) mod rpc;
pub(crate) mod store;
pub(crate) mod tidy;
pub(crate) mod tokens;

use chrono::{DateTime, TimeDelta, Utc};

use crate::user::UserId;

types::ids! {
    /// A session's id; access tokens carry it as `sid`.
    SessionId
}

/// A session ends when it was not used for so long,
const IDLE: TimeDelta = TimeDelta::days(14);
/// and so long after its beginning in any case.
const ABSOLUTE: TimeDelta = TimeDelta::days(30);
/// A till's session ends after this in any case.
const SHIFT: TimeDelta = TimeDelta::hours(12);
/// Within this time a refresh token that was used answers with the same successor: answers get lost, and two tabs ask
/// at once.
const GRACE: TimeDelta = TimeDelta::seconds(10);
const USER_AGENT_CHARACTERS_MAX: usize = 300;
const IP_ADDRESS_CHARACTERS_MAX: usize = 45;

/// A session as stored.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) user_id: UserId,
    pub(crate) kind: Kind,
    pub(crate) device: Device,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) life: Life,
    pub(crate) ended_at: Option<DateTime<Utc>>,
}

/// From where somebody signed in, as far as he says.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) user_agent: String,
    pub(crate) ip_address: String,
}

/// How somebody came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Kind {
    Full,
    /// By a PIN at a till.
    Till,
}

/// How long a session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) last_used_at: DateTime<Utc>,
    /// When it ends unless it is used before.
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) absolute_expires_at: DateTime<Utc>,
}

/// What the use of a refresh token means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    First,
    /// Once more, within the grace: the same successor.
    Again,
    /// Once more, later: two hold the token, and one of them stole it.
    Stolen,
    /// The session is over.
    Late,
}

impl Device {
    pub(crate) fn new(user_agent: &str, ip_address: &str) -> Self {
        let cut = |text: &str, max| text.chars().filter(|letter| *letter != '\0').take(max).collect();
        Self {
            user_agent: cut(user_agent, USER_AGENT_CHARACTERS_MAX),
            ip_address: cut(ip_address, IP_ADDRESS_CHARACTERS_MAX),
        }
    }
}

impl Life {
    pub(crate) fn begin(now: DateTime<Utc>) -> Self {
        Self { last_used_at: now, expires_at: now + IDLE, absolute_expires_at: now + ABSOLUTE }
    }

    /// A till's, which locks itself when it is left alone.
    pub(crate) fn at_till(now: DateTime<Utc>, lock: TimeDelta) -> Self {
        let absolute_expires_at = now + SHIFT;
        Self { last_used_at: now, expires_at: absolute_expires_at.min(now + lock), absolute_expires_at }
    }

    pub(crate) fn used(self, now: DateTime<Utc>, kind: Kind, lock: TimeDelta) -> Self {
        let idle = match kind {
            Kind::Full => IDLE,
            Kind::Till => lock,
        };
        Self { last_used_at: now, expires_at: self.absolute_expires_at.min(now + idle), ..self }
    }
}

impl Session {
    /// What it means that a token of this session is used, which was first used at `used_at`.
    pub(crate) fn judge(&self, used_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Use {
        if self.ended_at.is_some() || now >= self.life.expires_at {
            return Use::Late;
        }
        match used_at {
            None => Use::First,
            Some(first) if now - first <= GRACE => Use::Again,
            Some(_) => Use::Stolen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn session(began: &str) -> Session {
        let began = at(began);
        Session {
            id: SessionId::new(),
            user_id: UserId::new(),
            kind: Kind::Full,
            device: Device::new("", ""),
            created_at: began,
            life: Life::begin(began),
            ended_at: None,
        }
    }

    #[test]
    fn a_token_is_used_once_and_for_ten_seconds_more() {
        let session = session("2026-11-01T12:00:00Z");
        let first = Some(at("2026-11-02T12:00:00Z"));
        for (used_at, now, meaning) in [
            (None, "2026-11-02T12:00:00Z", Use::First),
            (first, "2026-11-02T12:00:00Z", Use::Again),
            (first, "2026-11-02T12:00:10Z", Use::Again),
            (first, "2026-11-02T12:00:11Z", Use::Stolen),
            (None, "2026-11-15T11:59:59Z", Use::First),
            (None, "2026-11-15T12:00:00Z", Use::Late),
            (first, "2026-11-15T12:00:00Z", Use::Late),
        ] {
            assert_eq!(session.judge(used_at, at(now)), meaning, "{used_at:?} at {now}");
        }
        let ended = Session { ended_at: first, ..session };
        assert_eq!(ended.judge(None, at("2026-11-02T12:00:00Z")), Use::Late);
    }

    #[test]
    fn use_prolongs_a_session_up_to_thirty_days() {
        let life =
            Life::begin(at("2026-11-01T12:00:00Z")).used(at("2026-11-10T12:00:00Z"), Kind::Full, TimeDelta::zero());
        assert_eq!(life.expires_at, at("2026-11-24T12:00:00Z"));
        assert_eq!(
            life.used(at("2026-11-24T11:00:00Z"), Kind::Full, TimeDelta::zero()).expires_at,
            at("2026-12-01T12:00:00Z")
        );
    }

    #[test]
    fn a_device_says_only_so_much_of_itself() {
        assert_eq!(Device::new(&"a\0b".repeat(1000), "::1").user_agent.len(), 300);
    }
}

//! Whether the rows of a file are good: by the very rules of the API, and by what rows of one account must agree on.

use prost::Message;
use proto::Validate;
use proto::accounts::v1 as pb;
use types::Violations;

use super::columns::{COLUMNS, Column, REQUIRED, Row, blamed, value};
use super::records::Record;
use super::{AccountImportErrorId, Blame, Checked, Staged};
use crate::member::Ages;
use crate::{AccountId, MemberId};

/// The most rows that one account may have; an account is published in one piece.
const ACCOUNT_ROWS_MAX: usize = 500;

/// Checks rows one after the other; holds no more than the account at hand.
pub(super) struct Check {
    ages: Ages,
    columns: Option<Vec<&'static Column>>,
    open: Option<Open>,
    pub(super) checked: Checked,
    staged: Vec<Staged>,
    blames: Vec<Blame>,
}

/// The account whose rows are being read.
struct Open {
    id: AccountId,
    key: String,
    account: pb::Account,
    line: i64,
    rows: usize,
}

impl Open {
    fn new(row: &Row, line: i64) -> Self {
        Self { id: AccountId::new(), key: row.key.clone(), account: row.account.clone(), line, rows: 1 }
    }
}

impl Check {
    pub(super) fn new(ages: Ages) -> Self {
        Self { ages, columns: None, open: None, checked: Checked::default(), staged: Vec::new(), blames: Vec::new() }
    }

    /// The rows and errors since this was asked last.
    pub(super) fn drain(&mut self) -> (Vec<Staged>, Vec<Blame>) {
        (std::mem::take(&mut self.staged), std::mem::take(&mut self.blames))
    }

    /// Rows and errors that wait to be taken.
    pub(super) fn waiting(&self) -> usize {
        self.staged.len().max(self.blames.len())
    }

    /// Whether the header can be read; without it no row can.
    pub(super) fn readable(&self) -> bool {
        self.columns.is_some() || self.checked.errors == 0
    }

    pub(super) fn blame(&mut self, line: i64, field: impl Into<String>, message: impl Into<String>) {
        self.checked.errors += 1;
        // What cannot be seen helps nobody to find what is wrong, and NUL cannot be kept.
        let seen = |text: String| -> String { text.chars().filter(|letter| !letter.is_control()).collect() };
        let (field, message) = (seen(field.into()), seen(message.into()));
        self.blames.push(Blame { id: AccountImportErrorId::new(), line, field, message });
    }

    pub(super) fn take(&mut self, record: &Record) {
        match self.columns.take() {
            None => self.columns = self.header(record),
            Some(columns) => {
                self.checked.rows += 1;
                self.row(&columns, record);
                self.columns = Some(columns);
            }
        }
    }

    /// The file has ended.
    pub(super) fn end(&mut self) {
        if self.checked.rows == 0 && self.checked.errors == 0 {
            self.blame(1, "account", "the file has no rows");
        }
    }

    fn header(&mut self, record: &Record) -> Option<Vec<&'static Column>> {
        let names: Option<Vec<String>> =
            record.values.iter().map(|name| Some(name.as_deref()?.trim().to_lowercase())).collect();
        let Some(names) = names else {
            self.blame(record.line, "account", "is not text in UTF-8; save the file as CSV in UTF-8");
            return None;
        };
        let before = self.checked.errors;
        let mut columns = Vec::new();
        for (place, name) in names.iter().enumerate() {
            match COLUMNS.iter().find(|column| column.name == name) {
                None => {
                    let known: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
                    let name = types::mask_card_numbers(name);
                    self.blame(record.line, name, format!("is no column; columns are {}", known.join(", ")));
                }
                Some(_) if names[..place].contains(name) => self.blame(record.line, name, "stands here twice"),
                Some(column) => columns.push(column),
            }
        }
        for required in REQUIRED.iter().filter(|name| !names.iter().any(|known| known == *name)) {
            self.blame(record.line, *required, "is a required column");
        }
        (self.checked.errors == before).then_some(columns)
    }

    fn row(&mut self, columns: &[&Column], record: &Record) {
        let before = self.checked.errors;
        let Some(mut row) = self.read(columns, record) else { return };
        let continues = self.open.as_ref().is_some_and(|open| !row.key.is_empty() && open.key == row.key);
        if self.checked.errors > before {
            // The rows that follow are not to blame for what could not be read here.
            if !continues {
                self.open = Some(Open::new(&row, record.line));
            }
            return;
        }
        let mut wrong = Violations::default();
        let account_id = if continues {
            self.continue_account(&row, &mut wrong)
        } else {
            self.open_account(&mut row, record.line, &mut wrong)
        };
        let member = self.member(&mut row, continues, account_id, &mut wrong);
        if let Err(wrong) = wrong.into_result() {
            for violation in wrong.iter() {
                self.blame(record.line, blamed(&violation.field), violation.message.clone());
            }
            return;
        }
        self.checked.accounts += i32::from(!continues);
        self.checked.members += i32::from(member.is_some());
        let account = (!continues).then(|| row.account.encode_to_vec());
        let key = if row.key.is_empty() { format!("line {}", record.line) } else { row.key };
        self.staged.push(Staged { line: record.line, account_id, key, account, member });
    }

    /// The values in their fields, as far as they can be read; none when there are too many or too few.
    fn read(&mut self, columns: &[&Column], record: &Record) -> Option<Row> {
        if record.values.len() != columns.len() {
            let message =
                format!("the row has {} values, and there are {} columns", record.values.len(), columns.len());
            self.blame(record.line, "account", message);
            return None;
        }
        let mut row = Row::default();
        for (column, cell) in columns.iter().zip(&record.values) {
            let Some(cell) = cell else {
                self.blame(record.line, column.name, "is not text in UTF-8");
                continue;
            };
            if let Err(violation) = (column.set)(&mut row, value(cell)) {
                self.blame(record.line, blamed(&violation.field), violation.message);
            }
        }
        Some(row)
    }

    fn open_account(&mut self, row: &mut Row, line: i64, wrong: &mut Violations) -> AccountId {
        let open = Open::new(row, line);
        let id = open.id;
        self.open = Some(open);
        if row.key.chars().count() > 100 {
            wrong.add("key", "must have at most 100 characters");
        }
        if types::holds_card_number(&row.key) {
            wrong.add("key", "must not hold a card number");
        }
        if row.key.contains('\0') {
            wrong.add("key", "must not contain the character NUL");
        }
        let rules = pb::CreateAccountRequest { account: Some(row.account.clone()), ..Default::default() }.validate();
        let parsed = rules.and_then(|()| crate::account::rpc::details(&row.account).map(|_| ()));
        if let Err(violations) = parsed {
            also(wrong, &violations);
        }
        id
    }

    fn continue_account(&mut self, row: &Row, wrong: &mut Violations) -> AccountId {
        let Some(open) = &mut self.open else { return AccountId::new() };
        open.rows += 1;
        if open.rows > ACCOUNT_ROWS_MAX {
            wrong.add("key", format!("has more than {ACCOUNT_ROWS_MAX} rows"));
        }
        if row.account != pb::Account::default() && row.account != open.account {
            let line = open.line;
            wrong.add("key", format!("is described otherwise on line {line}; repeat it, or leave its columns empty"));
        }
        open.id
    }

    /// The member of a row that has one; a row that opens an account need not.
    fn member(
        &self,
        row: &mut Row,
        continues: bool,
        account_id: AccountId,
        wrong: &mut Violations,
    ) -> Option<(MemberId, Vec<u8>)> {
        if !continues && row.member == pb::Member::default() {
            return None;
        }
        row.member.account_id = account_id.to_string();
        let rules = pb::CreateMemberRequest { member: Some(row.member.clone()) }.validate();
        let parsed: Result<(), Violations> =
            rules.and_then(|()| crate::member::rpc::person(&row.member, self.ages).map(|_| ()).map_err(Into::into));
        if let Err(violations) = parsed {
            also(wrong, &violations);
        }
        Some((MemberId::new(), row.member.encode_to_vec()))
    }
}

fn also(wrong: &mut Violations, more: &Violations) {
    for violation in more.iter() {
        wrong.add(violation.field.clone(), violation.message.clone());
    }
}

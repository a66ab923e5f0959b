//! The commands and their options.

use clap::{Args, Parser, Subcommand, ValueEnum};

#[derive(Parser)]
#[command(name = "dev", about = "Runs and tests LunarFront on this machine")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Starts the whole suite with private servers and the demo shop, and follows it until Ctrl-C.
    Run(Run),
    /// Creates, migrates and seeds the shop's database, and starts no service.
    Prepare(Run),
    /// Prints this clone's keys and passwords for `docker compose --env-file`.
    Env,
    /// Drops all data of this clone's suites.
    Reset,
    /// Everything that does not need the servers: formatting, protocol, lints.
    Check,
    /// Checks, tests, journeys and a small round of faults.
    Test {
        #[arg(long, value_enum, default_value = "all")]
        part: Part,
    },
    /// Runs a command with private servers at `TEST_DATABASE_URL` and `TEST_AMQP_URL`.
    Servers {
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Runs a command with a whole suite at `BASE_URL`, described in the file `SUITE_STATE`.
    Suite(SuiteOptions),
    /// Prints a service token of the operator, for `buf curl -H "x-service-token: …"`. It holds for 60 seconds.
    Token {
        /// The service to be called.
        #[arg(long = "for", value_name = "SERVICE")]
        service: String,
        /// The file that describes the suite; without it the shop of `dev run` is meant.
        #[arg(long, env = "SUITE_STATE")]
        state: Option<std::path::PathBuf>,
    },
    /// Plays a clerk's day through REST against the running suite.
    Tour {
        #[arg(long, env = "BASE_URL", default_value = "http://127.0.0.1:8000")]
        url: String,
    },
}

/// What of the tests is wanted.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    All,
    /// What needs no running suite.
    Fast,
    /// What needs one: journeys and faults.
    Journeys,
}

#[derive(Args)]
pub(crate) struct Run {
    /// Where the gateway listens.
    #[arg(long, env = "GATEWAY_PORT", default_value_t = 8000)]
    pub(crate) port: u16,
    /// A managed PostgreSQL, as a role that may create databases and roles. Without it a private one is started.
    #[arg(long, env = "DATABASE_ADMIN_URL", hide_env_values = true)]
    pub(crate) database_admin_url: Option<String>,
    /// A managed RabbitMQ. Without it a private one is started.
    #[arg(long, env = "AMQP_URL", hide_env_values = true)]
    pub(crate) amqp_url: Option<String>,
}

#[derive(Args)]
pub(crate) struct SuiteOptions {
    /// Keeps the data of the last time instead of starting with a fresh shop.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Leaves the gateway's limits as they are in production.
    #[arg(long)]
    pub(crate) limits: bool,
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<String>,
}

//! compose.yaml and .env.example cannot be run here, so they are read and compared with what processes get.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::Deserialize;

use crate::ports::Ports;
use crate::secrets::Secrets;
use crate::settings::{Addresses, DatabaseUrl, GATEWAY, Limits, Role, SERVICES, Settings};

#[derive(Deserialize)]
struct Compose {
    services: BTreeMap<String, Container>,
    volumes: BTreeMap<String, Option<String>>,
}

#[derive(Deserialize)]
struct Container {
    image: Option<String>,
    build: Option<Build>,
    #[serde(default)]
    profiles: Vec<String>,
    environment: BTreeMap<String, String>,
    #[serde(default)]
    ports: Vec<String>,
    #[serde(default)]
    volumes: Vec<String>,
    healthcheck: Option<Health>,
    #[serde(default)]
    depends_on: BTreeMap<String, Condition>,
}

#[derive(Deserialize)]
struct Build {
    args: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Health {
    test: Vec<String>,
}

#[derive(Deserialize)]
struct Condition {
    condition: String,
}

fn read(name: &str) -> String {
    fs::read_to_string(format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn compose() -> Compose {
    serde_saphyr::from_str(&read("compose.yaml")).unwrap()
}

fn example() -> BTreeMap<String, String> {
    settings(".env.example")
}

fn settings(file: &str) -> BTreeMap<String, String> {
    let text = read(file);
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once('=').unwrap()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_servers_are_pinned_healthy_and_not_open_to_the_network() {
    let compose = compose();
    for (name, image, port, probe) in [
        ("postgres", "postgres:18", "127.0.0.1:5432:5432", "pg_isready"),
        ("rabbitmq", "rabbitmq:4-management", "127.0.0.1:5672:5672", "rabbitmq-diagnostics"),
    ] {
        let server = &compose.services[name];
        assert_eq!(server.image.as_deref(), Some(image));
        assert!(server.ports.iter().any(|published| published == port), "{:?}", server.ports);
        assert!(server.healthcheck.as_ref().unwrap().test.iter().any(|word| word == probe), "{name} is not probed");
        assert!(server.profiles.is_empty(), "{name} must start without a profile");
        let volume = server.volumes.first().unwrap().split(':').next().unwrap();
        assert!(compose.volumes.contains_key(volume), "the data of {name} would be lost");
    }
    for (name, container) in &compose.services {
        assert!(container.ports.iter().all(|port| port.starts_with("127.0.0.1:")), "{name}: {:?}", container.ports);
    }
}

#[test]
fn every_process_has_its_container_and_waits_for_the_servers() {
    let compose = compose();
    assert_eq!(compose.services.len(), SERVICES.len() + 3);
    for name in SERVICES.into_iter().chain([GATEWAY]) {
        let container = &compose.services[name];
        assert_eq!(container.build.as_ref().unwrap().args["PACKAGE"], name);
        assert_eq!(container.profiles, ["suite"]);
        for server in ["postgres", "rabbitmq"] {
            assert_eq!(container.depends_on[server].condition, "service_healthy", "{name}");
        }
        for (service, port) in SERVICES.map(|service| (service, 8100)) {
            let address = &container.environment[&format!("{}_URL", service.to_uppercase())];
            assert_eq!(address, &format!("http://{service}:{port}"), "{name}");
        }
    }
}

#[test]
fn the_containers_read_exactly_what_the_example_names() {
    let compose = compose();
    let processes = SERVICES.into_iter().chain([GATEWAY]);
    let named = processes.flat_map(|name| compose.services[name].environment.keys().cloned()).collect::<BTreeSet<_>>();
    assert_eq!(named, example().into_keys().collect());
}

#[test]
fn the_processes_can_read_the_example() {
    kit::config::from_pairs::<kit::config::Settings>(example().into_iter().collect()).unwrap();
    let all = example();
    let missing = settings("gateway/.env.example").into_keys().filter(|name| !all.contains_key(name));
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<String>::new(), "settings of the gateway");
}

#[test]
fn what_dev_gives_to_a_process_is_in_its_container_too() {
    let (secrets, ports) = (Secrets::new().unwrap(), Ports::fixed(8000));
    let admin = DatabaseUrl::parse("postgres://lunarfront@127.0.0.1:8432/postgres").unwrap();
    let addresses = Addresses { admin, amqp: "amqp://127.0.0.1".into() };
    let (home, limits) = (std::path::Path::new(".data"), Limits::Raised);
    let settings = Settings { ports: &ports, secrets: &secrets, addresses: &addresses, home, limits };
    let compose = compose();
    for name in SERVICES.into_iter().chain([GATEWAY]) {
        let given = match name {
            GATEWAY => settings.gateway().unwrap(),
            name => settings.service(name, Role::Runtime).unwrap(),
        };
        let container = &compose.services[name].environment;
        // A backtrace is a wish of the person at the terminal.
        let missing =
            given.into_keys().filter(|setting| !container.contains_key(setting) && setting != "RUST_BACKTRACE");
        assert_eq!(missing.collect::<Vec<_>>(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn every_secret_that_is_not_replaced_says_that_it_is_the_demos() {
    let compose = compose();
    let secret = |name: &str| {
        (name.contains("PASS") && !name.ends_with("_FILE"))
            || name.ends_with("KEY")
            || name.ends_with("KEYS")
            || name == "DATABASE_URL"
            || name == "AMQP_URL"
    };
    let containers = compose.services.values().flat_map(|container| container.environment.clone());
    for (name, value) in containers.chain(example()).filter(|(name, _)| secret(name)) {
        assert!(value.contains("lunarfront-demo"), "{name}={value}");
    }
    for name in SERVICES.into_iter().chain([GATEWAY]) {
        assert_eq!(compose.services[name].environment["DEMO"], "true");
    }
    let postgres = &compose.services["postgres"].environment;
    assert_eq!(
        (postgres["POSTGRES_USER"].as_str(), postgres["POSTGRES_PASSWORD"].as_str()),
        ("lunarfront", "lunarfront-demo")
    );
    let broker = &compose.services["rabbitmq"].environment;
    let address =
        format!("amqp://{}:{}@rabbitmq:5672/%2f", broker["RABBITMQ_DEFAULT_USER"], broker["RABBITMQ_DEFAULT_PASS"]);
    assert_eq!(compose.services["pos"].environment["AMQP_URL"], address);
}

#[test]
fn compose_asks_for_no_value_that_dev_does_not_print() {
    let printed = Secrets::new().unwrap().for_compose().unwrap();
    let printed = printed.into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>();
    let text = read("compose.yaml");
    let asked = text.split("${").skip(1).filter_map(|rest| rest.split(":-").next()).map(str::to_owned);
    let optional = ["LOG", "CORS_ORIGINS", "INITIAL_USER_PASSWORD"].map(str::to_owned);
    let asked = asked.filter(|name| !optional.contains(name)).collect::<BTreeSet<_>>();
    assert_eq!(asked, printed);
}

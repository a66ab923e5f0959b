# Every target is one line: what there is to know is in `dev`.
.PHONY: run test journeys check bench faults openapi reset tour audit
run: ; cargo build --workspace && exec setpriv --pdeathsig=TERM target/debug/dev run
test: ; cargo build --workspace && exec setpriv --pdeathsig=TERM target/debug/dev test
journeys: ; cargo build --workspace && exec setpriv --pdeathsig=TERM target/debug/dev test --part journeys
check: ; cargo build --workspace && exec setpriv --pdeathsig=TERM target/debug/dev check
bench: ; cargo build --workspace --release && exec setpriv --pdeathsig=TERM target/release/dev suite -- target/release/bench
faults: ; cargo build --workspace && exec setpriv --pdeathsig=TERM target/debug/dev suite -- target/debug/bench faults --full
openapi: ; INSTA_UPDATE=always cargo test --workspace --quiet openapi
reset: ; cargo build --workspace && target/debug/dev reset
tour: ; cargo build --workspace && target/debug/dev tour
audit: ; cargo install --quiet --locked cargo-deny@0.20.2 && cargo deny check bans licenses sources

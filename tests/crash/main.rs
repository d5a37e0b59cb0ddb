//! Processes that are killed while they write, and a server that is: nothing that was acknowledged
//! is lost, nothing happens twice, nothing in part.
//!
//! `orders` is about transactions of a backend's own.
//!
//! Each round starts writers (this program again, see `writer`), kills them at a moment of chance,
//! and checks all that they left behind; the next round goes on with it. `CRASH_ROUNDS` says how
//! many rounds, `SEED` repeats the chance of a run as far as it can be repeated.

mod driver;
mod orders;
#[path = "../support/random.rs"]
mod random;
#[path = "../support/postgres.rs"]
mod server;
mod verify;
mod writer;

use std::time::Instant;

use driver::Crash;
use random::Random;
use server::Server;

/// A campaign of so many rounds.
type Campaign = fn(u32, &mut Random);

/// After so many rounds, a campaign begins with empty tables again: every round reads all of them.
const ROUNDS_ON_THE_SAME_DATA: u32 = 10;

/// What is killed, where the data is, and how many rounds there are if `CRASH_ROUNDS` does not say
/// otherwise. A server takes a second or two to recover.
const CAMPAIGNS: [(&str, Campaign, u32); 5] = [
    ("sqlite_survives_its_writers", sqlite, 10),
    ("postgres_survives_its_writers", postgres, 10),
    ("writers_survive_postgres", postgres_killed, 3),
    ("orders_on_sqlite_survive", orders::sqlite, 20),
    ("orders_on_postgres_survive", orders::postgres, 20),
];

fn main() {
    if let Some(writer) = writer::Writer::from_environment() {
        return writer.run();
    }
    if let Some(process) = orders::Process::from_environment() {
        return process.run();
    }
    let args: Vec<_> = std::env::args().skip(1).collect();
    if args.iter().any(|it| it == "--list") {
        for (name, ..) in CAMPAIGNS {
            println!("{name}: test");
        }
        return;
    }
    // As the standard harness takes them: a name that does not contain the filter is left out.
    let filter = args.iter().find(|it| !it.starts_with('-'));
    let wanted = std::env::var("CRASH_ROUNDS").map(|it| it.parse().unwrap());
    for (name, campaign, rounds) in CAMPAIGNS {
        if filter.is_none_or(|it| name.contains(it.as_str())) {
            let start = Instant::now();
            campaign(wanted.clone().unwrap_or(rounds), &mut Random::new(name));
            println!("test {name} ... ok ({:.1?})", start.elapsed());
        }
    }
}

fn sqlite(rounds: u32, random: &mut Random) {
    for rounds in in_parts(rounds) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("applications.db").display());
        let mut campaign = driver::Campaign::new(url, None);
        for _ in 0..rounds {
            campaign.round(random, Crash::OfTheWriters);
        }
    }
}

fn postgres(rounds: u32, random: &mut Random) {
    on_postgres(rounds, random, Crash::OfTheWriters);
}

fn postgres_killed(rounds: u32, random: &mut Random) {
    on_postgres(rounds, random, Crash::OfTheServer);
}

fn on_postgres(rounds: u32, random: &mut Random, crash: Crash) {
    let server = Server::start();
    for rounds in in_parts(rounds) {
        let url = driver::runtime().block_on(server.url_of_new_schema());
        let mut campaign = driver::Campaign::new(url, Some(&server));
        for _ in 0..rounds {
            campaign.round(random, crash);
        }
    }
}

fn in_parts(rounds: u32) -> impl Iterator<Item = u32> {
    let start = (0..rounds).step_by(ROUNDS_ON_THE_SAME_DATA as usize);
    start.map(move |start| ROUNDS_ON_THE_SAME_DATA.min(rounds - start))
}

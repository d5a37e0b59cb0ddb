//! A small issuing backend, whole: people submit over HTTP, administrators decide, a processor
//! works, webhooks tell others. A certificate is a row in the transaction of its approval.
//!
//! ```sh
//! cargo run --example issuer --features sqlite,postgres,delivery,processor -- sqlite:/tmp/issuer.db
//! curl -s localhost:8080/applications -H 'X-Actor: customer:john' -H 'Content-Type: application/json' \
//!   -d '{"application_id":42,"certificate_title":"Certificate of Achievement","applicant_email":"john@example.com"}'
//! ```
//!
//! Any number of these processes may run on one SQLite file or PostgreSQL.

mod certificates;
mod error;
mod http;

use std::time::Duration;

use certificate_lifecycle::delivery::{Dispatcher, DispatcherOptions, HttpOptions, HttpTransport};
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::processor::{Processor, ProcessorOptions};
use certificate_lifecycle::store::{AnyStore, StoreAddress};
use tokio::net::TcpListener;
use tokio::sync::watch;

use certificates::Certificates;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the handlers share.
#[derive(Clone)]
struct App {
    engine: Engine<AnyStore>,
    /// Where webhooks may lead.
    targets: HttpOptions,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("sqlite:issuer.db".to_owned());
    let listen = arguments.next().unwrap_or("127.0.0.1:8080".to_owned());
    run(&address, &listen).await
}

/// Serves until a signal stops it.
pub(crate) async fn run(address: &str, listen: &str) -> Result<(), Failure> {
    let address: StoreAddress = address.parse()?;
    let engine = Engine::new(AnyStore::open(&address).await?);

    let mut targets = HttpOptions::default();
    // For a receiver on this machine, to try it out.
    if let Ok(network) = std::env::var("ISSUER_ALLOW_TARGET") {
        targets.allow_http = true;
        targets.allow_targets.push(network.parse()?);
    }
    let transport = HttpTransport::new(targets.clone())?;
    let store = engine.store().clone();
    let dispatcher = Dispatcher::new(store, transport, DispatcherOptions::default());

    let certificates = Certificates::open(&address, engine.clone()).await?;
    let options = ProcessorOptions::default()
        .with_timeout(Duration::from_secs(60))
        // The work takes a moment: if a process dies, another one takes it over soon.
        .with_lease(Duration::from_secs(5));
    let processor = Processor::new(engine.clone(), certificates).with_options(options);

    let listener = TcpListener::bind(listen).await?;
    println!("http://{}", listener.local_addr()?);
    let app = http::routes(App { engine, targets });

    // All three stop together, and each finishes what is under way. If one fails, so do all.
    let (stop, stopped) = watch::channel(false);
    let stopped = || {
        let mut stopped = stopped.clone();
        async move { drop(stopped.wait_for(|it| *it).await) }
    };
    let serving = axum::serve(listener, app).with_graceful_shutdown(stopped());
    let serving = async { Ok::<_, Failure>(serving.await?) };
    let delivering = async { Ok(dispatcher.run(stopped()).await?) };
    let processing = async { Ok(processor.run(stopped()).await?) };
    let stopping = async {
        signal().await?;
        stop.send_replace(true);
        Ok(())
    };
    let ((), sent, worked, ()) = tokio::try_join!(serving, delivering, processing, stopping)?;
    println!("{} issued, {} delivered", worked.done, sent.delivered);
    Ok(())
}

/// Waits for Ctrl-C, or for what a service manager sends.
async fn signal() -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            it = tokio::signal::ctrl_c() => Ok(it?),
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    Ok(tokio::signal::ctrl_c().await?)
}

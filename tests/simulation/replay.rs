//! Worlds that fail, and say how to see that again.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// The seed of the world that this thread is in.
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
    /// What has panicked in it.
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Runs a world on virtual time. Whatever panics in it fails it, on whichever of its tasks, and
/// also where no other task waits for it; the error says what it was, and how to see it again.
pub fn world_of<T>(seed: u64, world: impl Future<Output = T>) -> Result<T, String> {
    listen();
    SEED.set(Some(seed));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(world)));
    // Whatever is still under way ends here, and may panic as well.
    drop(runtime);
    SEED.set(None);
    let panics = PANICS.take();
    match outcome {
        Ok(outcome) if panics.is_empty() => Ok(outcome),
        _ => Err(format!("{}\n{}", panics.join("\n"), again(seed))),
    }
}

/// From now on, every panic in a world is noted, and followed by how to see it again: not only once
/// the world has ended, which it may never do then.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            usual(panic);
            if let Some(seed) = SEED.get() {
                eprintln!("{}", again(seed));
                PANICS.with_borrow_mut(|panics| panics.push(text_of(panic)));
            }
        }));
    });
}

fn text_of(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map(ToString::to_string);
    #[allow(
        clippy::incompatible_msrv,
        reason = "only tests use it, and 1.95 runs them"
    )]
    let text = panic.payload_as_str().unwrap_or("(no text)");
    format!("{}: {text}", place.unwrap_or_default())
}

fn again(seed: u64) -> String {
    format!(
        "seed {seed}; again: SIMULATION_SEED={seed} cargo test --features delivery --test simulation"
    )
}

#[test]
fn a_panic_on_any_task_fails_the_world_and_says_how_to_see_it_again() {
    let on_its_own_task = world_of(41, async {
        drop(tokio::spawn(async { panic!("no task waits for this") }));
        tokio::task::yield_now().await;
    });
    let while_it_ends = world_of(42, async {
        let held = PanicsOnDrop;
        tokio::spawn(async move {
            let _held = held;
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
    });
    let in_the_middle = world_of(43, async { "forty".parse::<u64>().unwrap() }).map(drop);
    for (failed, seed, text) in [
        (on_its_own_task, 41, "no task waits for this"),
        (while_it_ends, 42, "dropped"),
        (in_the_middle, 43, "InvalidDigit"),
    ] {
        let reported = failed.unwrap_err();
        let again = format!("SIMULATION_SEED={seed} cargo test");
        assert!(
            reported.contains(text) && reported.contains(&again),
            "{reported}"
        );
    }
    assert_eq!(world_of(44, async { 1 }), Ok(1));
}

struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

//! Connects to one of a name's addresses.

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{sleep, timeout};

/// How long an address may be silent before the next one is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// How many addresses are tried at once: a name may have thousands, and each takes a file
/// descriptor.
const AT_ONCE: usize = 8;

/// Why no address was connected to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lost<E> {
    /// The last of them that failed did so.
    Failed(IpAddr, E),
    /// The last of them was silent.
    Silent,
    /// There was none.
    Empty,
}

/// The first connection to one of these addresses; the other attempts are cancelled.
///
/// They are tried in their order: the next one when one has failed, or has been silent for a while.
/// Each gets a share of `time`, however many there are and whichever of them are silent.
pub(super) async fn race<T, E, F>(
    addresses: &[IpAddr],
    time: Duration,
    connect: impl Fn(IpAddr) -> F,
) -> Result<T, Lost<E>>
where
    F: Future<Output = Result<T, E>>,
{
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).max(1);
    let head_start = HEAD_START.min(time / count(addresses.len()));
    let share = time / count(addresses.len().div_ceil(AT_ONCE));
    let attempt = |address| {
        let connecting = timeout(share, connect(address));
        async move { (address, connecting.await) }
    };
    let mut waiting = addresses.iter().copied();
    let mut trying: FuturesUnordered<_> = waiting.next().map(attempt).into_iter().collect();
    let mut lost = Lost::Empty;
    loop {
        tokio::select! {
            biased;
            attempted = trying.next() => {
                lost = match attempted {
                    Some((_, Ok(Ok(connected)))) => return Ok(connected),
                    Some((address, Ok(Err(error)))) => Lost::Failed(address, error),
                    Some((_, Err(_))) => Lost::Silent,
                    None => return Err(lost),
                };
            }
            () = sleep(head_start), if waiting.len() > 0 && trying.len() < AT_ONCE => {}
        }
        trying.extend(waiting.next().map(attempt));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::future::pending;
    use std::net::Ipv4Addr;

    use tokio::time::Instant;

    use super::{AT_ONCE, Duration, IpAddr, Lost, race, sleep};

    const TIME: Duration = Duration::from_secs(5);

    /// What an address does.
    #[derive(Clone, Copy)]
    enum Does {
        Connect(u64),
        Fail(u64),
        Nothing,
    }
    use Does::{Connect, Fail, Nothing};

    /// Whom a connection was made to after how many milliseconds, who was tried when, and how many
    /// at once.
    #[derive(Debug)]
    struct Ran {
        won: Result<usize, Lost<&'static str>>,
        took: u128,
        tried: Vec<(usize, u128)>,
        most: usize,
    }

    /// Counts an attempt for as long as it lasts.
    struct Trying<'a>(&'a Cell<usize>);

    impl Drop for Trying<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }

    /// Addresses that do this, numbered from 0.
    async fn run(time: Duration, does: &[Does]) -> Ran {
        let addresses: Vec<IpAddr> = (0..).zip(does).map(|(number, _)| address(number)).collect();
        let start = Instant::now();
        let (tried, now, most) = (RefCell::new(Vec::new()), Cell::new(0), Cell::new(0));
        let connect = |address| {
            let number = addresses.iter().take_while(|it| **it != address).count();
            tried
                .borrow_mut()
                .push((number, start.elapsed().as_millis()));
            now.set(now.get() + 1);
            most.set(now.get().max(most.get()));
            let trying = Trying(&now);
            let does = does.get(number).copied().unwrap_or(Nothing);
            async move {
                let _trying = trying;
                let after = |milliseconds| sleep(Duration::from_millis(milliseconds));
                match does {
                    Connect(milliseconds) => {
                        after(milliseconds).await;
                        Ok(number)
                    }
                    Fail(milliseconds) => {
                        after(milliseconds).await;
                        Err("refused")
                    }
                    Nothing => pending().await,
                }
            }
        };
        let won = race(&addresses, time, connect).await;
        let took = start.elapsed().as_millis();
        // The losers are cancelled.
        assert_eq!(now.get(), 0);
        let (tried, most) = (tried.into_inner(), most.get());
        Ran {
            won,
            took,
            tried,
            most,
        }
    }

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    #[tokio::test(start_paused = true)]
    async fn who_answers_at_once_is_the_only_one_tried() {
        let ran = run(TIME, &[Connect(200), Connect(0)]).await;
        assert_eq!((ran.won, ran.took), (Ok(0), 200));
        assert_eq!(ran.tried, [(0, 0)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_address_has_the_next_one_beside_it_and_the_first_wins() {
        let ran = run(TIME, &[Nothing, Nothing, Connect(10)]).await;
        assert_eq!((ran.won, ran.took), (Ok(2), 510));
        assert_eq!(ran.tried, [(0, 0), (1, 250), (2, 500)]);
        let ran = run(TIME, &[Connect(300), Connect(100)]).await;
        assert_eq!((ran.won, ran.took, ran.most), (Ok(0), 300, 2));
        let ran = run(TIME, &[Connect(4900)]).await;
        assert_eq!((ran.won, ran.took), (Ok(0), 4900));
    }

    #[tokio::test(start_paused = true)]
    async fn who_fails_is_followed_at_once() {
        let ran = run(TIME, &[Fail(10), Fail(0), Connect(5)]).await;
        assert_eq!((ran.won, ran.took), (Ok(2), 15));
        assert_eq!(ran.most, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_failure_is_reported() {
        let ran = run(TIME, &[Fail(0), Fail(10)]).await;
        let failed = Lost::Failed(address(1), "refused");
        assert_eq!((ran.won, ran.took), (Err(failed), 10));
        let ran = run(TIME, &[Nothing, Fail(0)]).await;
        assert_eq!((ran.won, ran.took), (Err(Lost::Silent), 5000));
        let ran = run(TIME, &[]).await;
        assert_eq!((ran.won, ran.took), (Err(Lost::Empty), 0));
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_are_silent_and_however_little_time_there_is_the_last_one_has_its_turn() {
        for count in [2, AT_ONCE, AT_ONCE + 1, 25, 100] {
            for time in [Duration::from_millis(400), TIME] {
                let mut does = vec![Nothing; count - 1];
                does.push(Connect(0));
                let ran = run(time, &does).await;
                assert_eq!(ran.won, Ok(count - 1));
                assert!(ran.took < time.as_millis(), "{count} {time:?}: {ran:?}");
                assert!(ran.most <= AT_ONCE, "{count} {time:?}: {ran:?}");
            }
        }
    }
}

//! How much is worked on at the same time, and for whom.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use certificate_lifecycle::processor::{Control, Outcome, ProcessorOptions, Work};
use tokio::time::{Instant, sleep};

use crate::stage::{Diary, Stage, institution, seconds};

/// How many are under way, by institution, and the most that there were at once.
#[derive(Clone, Default)]
struct Meter(Arc<Mutex<HashMap<String, (u32, u32)>>>);

impl Meter {
    async fn work(self, work: Work) -> Outcome {
        let of = work.institution.to_string();
        for key in [of.clone(), "all".to_owned()] {
            let mut all = self.0.lock().unwrap();
            let (now, most) = all.entry(key).or_default();
            *now += 1;
            *most = (*most).max(*now);
        }
        sleep(seconds(1)).await;
        for key in [of, "all".to_owned()] {
            self.0.lock().unwrap().entry(key).or_default().0 -= 1;
        }
        Outcome::Approve
    }

    fn most(&self, of: &str) -> u32 {
        self.0.lock().unwrap().get(of).map_or(0, |it| it.1)
    }
}

async fn metered(options: ProcessorOptions, institutions: &[(&str, usize)]) -> (Meter, Duration) {
    let stage = Stage::new();
    let mut count = 0;
    for (of, number) in institutions {
        for _ in 0..*number {
            stage.upload(of).await;
            count += 1;
        }
    }
    let meter = Meter::default();
    let of_work = meter.clone();
    let work = move |work: Work, _: Control| of_work.clone().work(work);
    let processor = certificate_lifecycle::processor::Processor::new(stage.engine.clone(), work);
    let processor = processor.with_options(options);
    let start = Instant::now();
    let summary = processor.run_until_idle(std::future::pending()).await;
    assert_eq!(summary.unwrap().approved, count);
    (meter, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn one_institution_gets_half_of_the_room_and_two_a_third_each() {
    let options = ProcessorOptions::default().with_concurrency(12);
    let (meter, took) = metered(options.clone(), &[("a", 60)]).await;
    assert_eq!(meter.most("all"), 6);
    assert!(took >= seconds(10) && took < seconds(11), "{took:?}");
    let (meter, _) = metered(options, &[("a", 60), ("b", 60)]).await;
    assert_eq!(
        (meter.most("a").min(meter.most("b")), meter.most("all")),
        (4, 8)
    );
}

#[tokio::test(start_paused = true)]
async fn a_processor_of_one_institution_has_all_of_the_room_for_it() {
    let options = ProcessorOptions::default()
        .with_concurrency(12)
        .with_institution(Some(institution("a")));
    let (meter, took) = metered(options, &[("a", 60)]).await;
    assert_eq!(meter.most("all"), 12);
    assert!(took >= seconds(5) && took < seconds(6), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_maximum_for_one_holds_for_each() {
    let options = ProcessorOptions::default()
        .with_concurrency(100)
        .with_most_of_one(Some(2));
    let (meter, _) = metered(options, &[("a", 9), ("b", 9), ("c", 9)]).await;
    for of in ["a", "b", "c"] {
        assert_eq!(meter.most(of), 2);
    }
    assert_eq!(meter.most("all"), 6);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_one_institution_does_not_hold_up_another() {
    let stage = Stage::new();
    for _ in 0..1000 {
        stage.upload("flood").await;
    }
    let (diary, start) = (Diary::default(), Instant::now());
    let of_work = diary.clone();
    let options = ProcessorOptions::default().with_concurrency(4);
    let running = stage.run(options, move |work: Work, _: Control| {
        if work.institution.as_str() == "other" {
            of_work.note(&work, start);
        }
        async {
            sleep(seconds(1)).await;
            Outcome::Approve
        }
    });
    sleep(seconds(3)).await;
    let before = start.elapsed();
    let other = stage.upload("other").await;
    sleep(seconds(3)).await;
    assert_eq!(diary.attempts_of(other), [1]);
    let waited = diary.times()[0].saturating_sub(before);
    assert!(waited < Duration::from_millis(50), "{waited:?}");
    running.task.abort();
}

#[tokio::test(start_paused = true)]
async fn work_of_other_institutions_is_left_alone() {
    let stage = Stage::new();
    let (mine, other) = (stage.upload("a").await, stage.upload("b").await);
    let options = ProcessorOptions::default().with_institution(Some(institution("a")));
    let diary = Diary::default();
    let of_work = diary.clone();
    let start = Instant::now();
    let running = stage.run(options, move |work: Work, _: Control| {
        of_work.note(&work, start);
        async { Outcome::Approve }
    });
    sleep(seconds(100)).await;
    running.stop().await;
    assert_eq!(
        (
            diary.attempts_of(mine).len(),
            diary.attempts_of(other).len()
        ),
        (1, 0)
    );
    assert_eq!(diary.len(), 1);
}

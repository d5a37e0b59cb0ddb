//! Processors, on each store.

use std::collections::BTreeSet;
use std::future::pending;

use certificate_lifecycle::Status;
use certificate_lifecycle::processor::{Control, Outcome, Processor, ProcessorOptions, Work};
use certificate_lifecycle::store::{Filter, ListOrder, WorkQueue};

use crate::harness::Harness;
use crate::outbox_world::in_theirs;
use crate::work_world::Desk;
use crate::world::{ours, theirs, upload, whole_list};

pub async fn many_share_the_work_and_each_application_ends_once<H: Harness<Store: WorkQueue>>() {
    const MANY: u64 = 300;
    // Given work of two institutions, and processors of which each can hold a part of it
    let desk = Desk::<H>::new().await;
    let uploads = (0..MANY).map(|it| {
        let request = upload(it);
        if it % 3 == 0 {
            in_theirs(request)
        } else {
            request
        }
    });
    desk.given(uploads).await;
    let options = ProcessorOptions::default().with_concurrency(24);
    // When they work until nothing is in progress
    let processors = (0..4).map(|_| {
        let work = async |work: Work, _: Control| {
            tokio::task::yield_now().await;
            assert_eq!((work.attempt, work.version()), (1, 1));
            Outcome::Approve
        };
        let processor = Processor::new(desk.engine.clone(), work).with_options(options.clone());
        tokio::spawn(async move { processor.run_until_idle(pending()).await.unwrap() })
    });
    let mut approved = 0;
    for processor in processors.collect::<Vec<_>>() {
        let summary = processor.await.unwrap();
        assert_eq!((summary.failed, summary.again, summary.lost), (0, 0, 0));
        approved += summary.approved;
    }
    // Then each was approved once
    assert_eq!(approved, MANY);
    let mut ended = BTreeSet::new();
    for institution in [ours(), theirs()] {
        let all = Filter::all();
        let order = ListOrder::OldestFirst;
        for application in whole_list(&desk.engine, &institution, &all, order, 100).await {
            assert_eq!(
                (application.status(), application.version()),
                (Status::Approved, 2)
            );
            ended.insert(application.uuid());
        }
    }
    assert_eq!(ended.len() as u64, MANY);
    assert!(desk.store.work_backlog(None).await.unwrap().is_empty());
}

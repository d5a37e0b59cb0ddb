//! Records: every application comes back from one, and nothing that could not have happened does.

mod support;

use certificate_lifecycle::{
    AnyApplication, Application, ApplicationRecord, Customer, CustomerApplication, Failed,
    RestoreError, Retried, Source, Status, TriggerContext, Vault, VaultApplication,
};
use support::{at, every_application};

fn record(status: Status, source: Source) -> ApplicationRecord {
    let application = every_application()
        .into_iter()
        .find(|it| (it.status(), it.source()) == (status, source))
        .unwrap();
    application.to_record()
}

fn refusal(record: ApplicationRecord) -> String {
    AnyApplication::restore(record).unwrap_err().to_string()
}

#[test]
fn every_application_comes_back_from_its_record_and_from_the_records_json() {
    for application in every_application() {
        let record = application.to_record();
        assert_eq!(record.version, application.version());
        let json = serde_json::to_string(&record).unwrap();
        let read: ApplicationRecord = serde_json::from_str(&json).unwrap();
        assert_eq!(read, record);
        assert_eq!(AnyApplication::restore(read), Ok(application));
    }
}

#[test]
fn a_record_is_plain_json() {
    assert_eq!(
        serde_json::to_value(record(Status::Rejected, Source::Customer)).unwrap(),
        serde_json::json!({
            "application_id": 42,
            "uuid": "9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15",
            "certificate_title": "Certificate of Achievement",
            "applicant_email": "john@example.com",
            "source": "customer",
            "status": "rejected",
            "version": 2,
            "updated_at": "2026-06-04T10:30:00Z",
            "rejection_reason": "Duplicate certificate",
        })
    );
    let created = record(Status::Created, Source::Vault);
    assert_eq!(created.trigger_context, Some(TriggerContext::BulkUpload));
    let mut unknown = serde_json::to_value(&created).unwrap();
    unknown["stauts"] = "approved".into();
    assert!(serde_json::from_value::<ApplicationRecord>(unknown).is_err());
}

#[test]
fn a_restored_application_is_typed_again() {
    let failed = record(Status::Failed, Source::Vault);
    let Ok(AnyApplication::Vault(VaultApplication::Failed(failed))) =
        AnyApplication::restore(failed)
    else {
        panic!("it was failed and from the vault");
    };
    assert_eq!(failed.error(), &support::error());
    assert_eq!(failed.status(), Status::Failed);
    assert_eq!(failed.source(), Source::Vault);
    assert_eq!(failed.retry(at(1)).application.version(), 3);
    let rejected = record(Status::Rejected, Source::Customer);
    let Ok(AnyApplication::Customer(CustomerApplication::Rejected(rejected))) =
        AnyApplication::restore(rejected)
    else {
        panic!("it was rejected and from a customer");
    };
    assert_eq!(rejected.rejection_reason(), &support::reason());
}

#[test]
fn the_typed_form_is_had_by_its_type_or_the_application_comes_back() {
    let any = AnyApplication::restore(record(Status::Failed, Source::Vault)).unwrap();
    assert_eq!(any.error(), Some(&support::error()));
    assert_eq!(
        (any.trigger_context(), any.rejection_reason()),
        (None, None)
    );
    let wrong_source = Application::<Failed, Customer>::try_from(any).unwrap_err();
    let wrong_state = Application::<Retried, Vault>::try_from(wrong_source).unwrap_err();
    let failed = Application::<Failed, Vault>::try_from(wrong_state).unwrap();
    assert_eq!(failed.error(), &support::error());
    let rejected = AnyApplication::restore(record(Status::Rejected, Source::Customer)).unwrap();
    assert_eq!(rejected.rejection_reason(), Some(&support::reason()));
}

#[test]
fn the_identity_is_at_hand() {
    let record = record(Status::Failed, Source::Vault);
    let uuid = record.uuid;
    let any = AnyApplication::restore(record).unwrap();
    assert_eq!(any.uuid(), uuid);
    assert_eq!(any.uuid(), any.details().uuid());
}

#[test]
fn the_vault_reaches_neither_processing_nor_rejected() {
    for status in [Status::Processing, Status::Rejected] {
        let mut forged = record(status, Source::Customer);
        forged.source = Source::Vault;
        let error = AnyApplication::restore(forged).unwrap_err();
        let origin = Source::Vault;
        assert_eq!(error, RestoreError::UnreachableStatus { status, origin });
        assert_eq!(
            error.to_string(),
            format!("an application from source vault cannot be in status {status}")
        );
    }
}

#[test]
fn a_version_that_no_history_leads_to_is_refused() {
    let mut forged = record(Status::Processing, Source::Customer);
    for version in [0, 1, 3, 4, u64::MAX] {
        forged.version = version;
        assert_eq!(
            refusal(forged.clone()),
            format!(
                "no history leads a customer application to status processing at version {version}"
            )
        );
    }
    let mut failed = record(Status::Failed, Source::Customer);
    // Odd, so its parity is right: only its size is wrong.
    failed.version = AnyApplication::MAX_VERSION + 2;
    assert!(refusal(failed.clone()).starts_with("no history leads"));
    failed.version = AnyApplication::MAX_VERSION;
    let restored = AnyApplication::restore(failed).unwrap();
    let retried = restored.apply(certificate_lifecycle::Command::Retry, at(0));
    assert_eq!(
        retried.unwrap().event.version(),
        AnyApplication::MAX_VERSION + 1
    );
}

#[test]
fn a_fact_of_the_state_must_be_there() {
    let mut forged = record(Status::Created, Source::Customer);
    forged.trigger_context = None;
    assert_eq!(
        refusal(forged),
        "a record in status created must have the field trigger_context, but has not"
    );
    let mut forged = record(Status::Rejected, Source::Customer);
    forged.rejection_reason = None;
    assert_eq!(
        refusal(forged),
        "a record in status rejected must have the field rejection_reason, but has not"
    );
    for source in Source::ALL.iter().copied() {
        let mut forged = record(Status::Failed, source);
        forged.error = None;
        assert_eq!(
            refusal(forged),
            "a record in status failed must have the field error, but has not"
        );
    }
}

#[test]
fn a_fact_of_another_state_must_not_be_there() {
    for application in every_application() {
        let (status, original) = (application.status(), application.to_record());
        if status != Status::Created {
            let mut forged = original.clone();
            forged.trigger_context = Some(TriggerContext::SingleUpload);
            assert_eq!(
                refusal(forged),
                format!("a record in status {status} must not have the field trigger_context")
            );
        }
        if status != Status::Rejected {
            let mut forged = original.clone();
            forged.rejection_reason = Some("late".to_owned());
            assert_eq!(
                refusal(forged),
                format!("a record in status {status} must not have the field rejection_reason")
            );
        }
        if status != Status::Failed {
            let mut forged = original.clone();
            forged.error = Some("x".repeat(100));
            assert_eq!(
                refusal(forged),
                format!("a record in status {status} must not have the field error")
            );
        }
    }
}

#[test]
fn a_trigger_context_must_go_with_the_source() {
    let mut forged = record(Status::Created, Source::Customer);
    forged.trigger_context = Some(TriggerContext::BulkUpload);
    assert_eq!(
        refusal(forged),
        "trigger_context bulk_upload does not go with source customer"
    );
    let mut forged = record(Status::Created, Source::Vault);
    forged.trigger_context = Some(TriggerContext::CustomerSubmission);
    assert_eq!(
        refusal(forged),
        "trigger_context customer_submission does not go with source vault"
    );
}

#[test]
fn values_and_times_keep_their_rules() {
    let original = record(Status::Failed, Source::Vault);
    let change = |change: fn(&mut ApplicationRecord)| {
        let mut forged = original.clone();
        change(&mut forged);
        AnyApplication::restore(forged).unwrap_err()
    };
    for (error, field) in [
        (change(|it| it.application_id = 0), "application_id"),
        (
            change(|it| it.certificate_title = " ".to_owned()),
            "certificate_title",
        ),
        (
            change(|it| it.applicant_email = "john".to_owned()),
            "applicant_email",
        ),
        (change(|it| it.error = Some(String::new())), "error"),
        (
            change(|it| it.updated_at = chrono::DateTime::<chrono::Utc>::MAX_UTC),
            "updated_at",
        ),
    ] {
        assert!(error.to_string().starts_with(field), "{error}");
    }
    let mut forged = record(Status::Rejected, Source::Customer);
    forged.rejection_reason = Some(String::new());
    assert!(refusal(forged).starts_with("rejection_reason"));
    assert_eq!(
        change(|it| it.updated_at += chrono::TimeDelta::milliseconds(500)).to_string(),
        "updated_at must be a whole second, but is 2026-06-04T10:30:00.500Z"
    );
    let mut year_10000 = original.clone();
    year_10000.updated_at = "+10000-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(
        refusal(year_10000),
        "updated_at must lie in the years 0000 to 9999 in UTC, but lies in the year 10000"
    );
}

//! Which index leads to the deliveries of a list.

use super::*;
use crate::lifecycle::value::InvalidValue;

#[test]
fn an_application_is_found_by_its_lane_whatever_else_is_asked() -> Result<(), InvalidValue> {
    let institution = InstitutionId::new("a")?;
    let filter = DeliveryFilter::default()
        .with_application(Some(Uuid::nil()))
        .with_webhook(Some(Uuid::nil()))
        .with_status(Some(DeliveryStatus::Dead));
    for of in [None, Some(&institution)] {
        assert_eq!(Route::of(of, &filter), Route::Lane);
    }
    Ok(())
}

#[test]
fn a_webhook_an_institution_or_what_is_not_delivered_is_found_by_webhook_and_state()
-> Result<(), InvalidValue> {
    let institution = InstitutionId::new("a")?;
    let all = DeliveryFilter::default;
    assert_eq!(Route::of(Some(&institution), &all()), Route::PerWebhook);
    let webhook = all().with_webhook(Some(Uuid::nil()));
    assert_eq!(Route::of(None, &webhook), Route::PerWebhook);
    for status in [DeliveryStatus::Pending, DeliveryStatus::Dead] {
        let filter = all().with_status(Some(status));
        assert_eq!(Route::of(None, &filter), Route::PerWebhook);
    }
    Ok(())
}

#[test]
fn everything_and_most_of_it_is_read_in_the_order_of_the_table() {
    let all = DeliveryFilter::default;
    let delivered = all().with_status(Some(DeliveryStatus::Delivered));
    for filter in [all(), delivered] {
        assert_eq!(Route::of(None, &filter), Route::Table);
    }
}

#[test]
fn a_condition_is_there_only_with_its_value() {
    let mut sql = Sql::default();
    sql.and("a > $", Some(1));
    sql.and("b = $", None::<i64>);
    sql.and("c IN ($, $)", Some(2));
    assert_eq!(sql.text, " AND a > ?1 AND c IN (?2, ?2)");
    assert_eq!(sql.parameters, [Value::Integer(1), Value::Integer(2)]);
}

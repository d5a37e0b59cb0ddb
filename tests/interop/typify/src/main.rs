//! Reads payloads, one JSON string a line, with what typify makes of the schemas. Prints what each
//! of the seven models that took it writes back.

use std::io::{BufRead, Error, stdin};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, from_str, to_string};

/// The models of one schema, in a module of their own.
macro_rules! models {
    ($($module:ident from $schema:literal)*) => { $(
        mod $module {
            typify::import_types!(schema = $schema);
        }
    )* };
}

models! {
    any from "../../../docs/schema/events.schema.json"
    created from "../../../docs/schema/created.schema.json"
    processing from "../../../docs/schema/processing.schema.json"
    approved from "../../../docs/schema/approved.schema.json"
    rejected from "../../../docs/schema/rejected.schema.json"
    failed from "../../../docs/schema/failed.schema.json"
    retried from "../../../docs/schema/retried.schema.json"
}

fn main() -> Result<(), Error> {
    for line in stdin().lock().lines() {
        let payload: String = from_str(&line?)?;
        let payload = payload.as_str();
        let mut read = Map::new();
        take::<any::CertificateApplication>(&mut read, "events", payload)?;
        take::<created::CertificateApplicationCreated>(&mut read, "created", payload)?;
        take::<processing::CertificateApplicationProcessing>(&mut read, "processing", payload)?;
        take::<approved::CertificateApplicationApproved>(&mut read, "approved", payload)?;
        take::<rejected::CertificateApplicationRejected>(&mut read, "rejected", payload)?;
        take::<failed::CertificateApplicationFailed>(&mut read, "failed", payload)?;
        take::<retried::CertificateApplicationRetried>(&mut read, "retried", payload)?;
        if let Ok(event) = from_str::<any::CertificateApplication>(payload) {
            read.insert("kind".to_owned(), kind(&event).into());
        }
        println!("{}", Value::Object(read));
    }
    Ok(())
}

fn take<Model: DeserializeOwned + Serialize>(
    read: &mut Map<String, Value>,
    schema: &str,
    payload: &str,
) -> Result<(), Error> {
    if let Ok(model) = from_str::<Model>(payload) {
        read.insert(schema.to_owned(), to_string(&model)?.into());
    }
    Ok(())
}

/// As which kind the model of all six has read it.
fn kind(event: &any::CertificateApplication) -> &'static str {
    match event {
        any::CertificateApplication::Created(_) => "created",
        any::CertificateApplication::Processing(_) => "processing",
        any::CertificateApplication::Approved(_) => "approved",
        any::CertificateApplication::Rejected(_) => "rejected",
        any::CertificateApplication::Failed(_) => "failed",
        any::CertificateApplication::Retried(_) => "retried",
    }
}

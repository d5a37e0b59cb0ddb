//! The columns of a CSV file of uploads, and the details that stand in a row of them.

use uuid::Uuid;

use super::arguments::hyphenated;
use super::harmless::harmless;
use super::records::{Record, is_blank};
use super::refusal::Refusal;
use crate::excerpt::{describe_text, quoted, shorten};
use certificate_lifecycle::payload::FieldError;
use certificate_lifecycle::{ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle};

const UUID: &str = "uuid";

/// The columns: the name that messages use, and another that is taken as well.
const NAMES: [(&str, &str); 4] = [
    (CertificateTitle::FIELD, "title"),
    (ApplicantEmail::FIELD, "email"),
    (ApplicationId::FIELD, ApplicationId::FIELD),
    (UUID, UUID),
];

/// What mends a file that another program wrote in the encoding of its country.
const SAVE_AS_UTF_8: &str = "save the file as CSV in UTF-8";

/// Which field of a row is what.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Columns {
    /// The place of each of [`NAMES`]; of the last, there may be none.
    places: [Option<usize>; NAMES.len()],
    /// How many columns there are, those without a name included.
    width: usize,
}

impl Columns {
    /// Reads the line that names the columns, or says what is wrong with it.
    pub(super) fn read(heading: &Record) -> Result<Self, String> {
        let mut columns = Self {
            width: heading.len(),
            ..Self::default()
        };
        for (place, name) in heading.iter().enumerate() {
            // With zeros, it is UTF-16, or no text at all, such as a workbook.
            let text = str::from_utf8(name).ok().filter(|it| !it.contains('\0'));
            let name = text.ok_or_else(|| {
                format!("the line that names the columns is not UTF-8; {SAVE_AS_UTF_8}")
            })?;
            let name = name.trim();
            if name.is_empty() {
                // Spreadsheets write such columns; they must be blank in every row.
                continue;
            }
            let is = |known: &str| known.eq_ignore_ascii_case(name);
            let column = NAMES
                .iter()
                .zip(&mut columns.places)
                .find(|((long, short), _)| is(long) || is(short));
            let Some((_, known)) = column else {
                return Err(unknown(name));
            };
            if known.replace(place).is_some() {
                return Err(format!("the column {name} stands there twice"));
            }
        }
        for ((name, _), place) in NAMES.iter().zip(columns.places) {
            if place.is_none() && *name != UUID {
                return Err(format!("the column {name} is missing; {}", known()));
            }
        }
        Ok(columns)
    }

    /// The details in a row; `identify` makes the identity, from the one that stands there, if any.
    pub(super) fn details(
        &self,
        row: &Record,
        identify: impl FnOnce(Option<Uuid>) -> Result<Uuid, Refusal>,
    ) -> Result<ApplicationDetails, Refusal> {
        let [title, email, application_id, uuid] =
            self.places.map(|place| place.and_then(|it| row.get(it)));
        // First, so that a refusal can say whose line it is.
        let uuid = text(UUID, uuid)?.filter(|uuid| !uuid.is_empty());
        let uuid = uuid.map(read_uuid).transpose()?;
        let uuid = identify(uuid)?;
        self.check_fields(row)?;
        let missing = |field| move || Refusal::from(FieldError::Missing { field });
        let title = text(CertificateTitle::FIELD, title)?;
        let email = text(ApplicantEmail::FIELD, email)?;
        let application_id = text(ApplicationId::FIELD, application_id)?;
        Ok(ApplicationDetails::new(
            read_number(application_id.ok_or_else(missing(ApplicationId::FIELD))?)?,
            uuid,
            CertificateTitle::new(title.ok_or_else(missing(CertificateTitle::FIELD))?)?,
            ApplicantEmail::new(email.ok_or_else(missing(ApplicantEmail::FIELD))?)?,
        ))
    }
}

impl Columns {
    /// Refuses a row that ends before the last named column, and one that has something where no
    /// column has a name.
    fn check_fields(&self, row: &Record) -> Result<(), Refusal> {
        let len = row.len();
        let named = NAMES.iter().zip(self.places);
        let cut_off = named.filter_map(|((name, _), place)| Some((place?, name)));
        let cut_off = cut_off.filter(|(place, _)| *place >= len).min();
        if let Some((place, name)) = cut_off {
            let plural = if len == 1 { "" } else { "s" };
            return Err(Refusal::content(format!(
                "the line has {len} field{plural}, but the column {name} is field {}",
                place + 1
            )));
        }
        let is_named = |place| self.places.contains(&Some(place));
        let mut fields = row.iter().enumerate();
        let stray = fields.find(|(place, field)| !is_named(*place) && !is_blank(field));
        let Some((place, _)) = stray else {
            return Ok(());
        };
        let number = place + 1;
        Err(Refusal::content(if place < self.width {
            format!(
                "field {number} is not blank, but the first line gives column {number} no name: name it \
                 there, or take it out"
            )
        } else {
            format!(
                "field {number} is not blank, but the first line has {} columns: a field that holds a \
                 comma is quoted",
                self.width
            )
        }))
    }
}

fn known() -> String {
    let [
        (title, short_title),
        (email, short_email),
        (id, _),
        (uuid, _),
    ] = NAMES;
    format!(
        "the columns are {title} (or {short_title}), {email} (or {short_email}), {id} and, \
         optionally, {uuid}"
    )
}

fn unknown(name: &str) -> String {
    let separator = match name {
        _ if name.starts_with("sep=") => {
            "; the line sep= is not read: take it out, and separate fields by commas"
        }
        _ if name.contains(';') => "; fields are separated by commas, not by semicolons",
        _ if name.contains('\t') => "; fields are separated by commas, not by tabs",
        _ => "",
    };
    // Where there is no line of names, it is the title of an application.
    let quoted = quoted(name);
    let name = if quoted.starts_with('"') {
        format!("\"{}\"", harmless(&shorten(name)))
    } else {
        quoted
    };
    format!("unknown column {name}; {}{separator}", known())
}

fn text<'r>(field: &'static str, found: Option<&'r [u8]>) -> Result<Option<&'r str>, Refusal> {
    let text = found.map(std::str::from_utf8).transpose();
    text.map_err(|_| {
        Refusal::field(
            field,
            format!("field {field} is not UTF-8; {SAVE_AS_UTF_8}"),
        )
    })
}

fn read_uuid(found: &str) -> Result<Uuid, Refusal> {
    let expected = "a hyphenated UUID such as 9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15";
    hyphenated(found).map_err(|_| unfit(UUID, expected, found))
}

fn read_number(found: &str) -> Result<ApplicationId, Refusal> {
    // Rust reads a sign as well.
    let digits = found.bytes().all(|byte| byte.is_ascii_digit());
    let number = found.parse().ok().filter(|_| digits);
    let number = number.ok_or_else(|| unfit(ApplicationId::FIELD, ApplicationId::RULE, found))?;
    Ok(ApplicationId::new(number)?)
}

fn unfit(field: &'static str, expected: &'static str, found: &str) -> Refusal {
    let found = describe_text(field, found);
    let unfit = FieldError::WrongType {
        field,
        expected,
        found,
    };
    unfit.into()
}

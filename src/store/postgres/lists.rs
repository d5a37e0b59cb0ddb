//! Lists and counts.

use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::failure::failed;
use super::read::{query, read};
use super::row::{Joined, columns};
use super::session::Session;
use super::sql::statements;
use super::text::encode;
use crate::lifecycle::value::ApplicantEmail;
use crate::store::cells::in_cells;
use crate::store::stored;
use crate::store::title::Needle;
use crate::store::{Count, InstitutionId, ListOrder, ListQuery, Page, PageKey, Result};

/// The applications that a page comes from, in order.
macro_rules! candidates {
    ($what:literal, $after:literal, $order:literal, $part:literal) => {
        concat!(
            "(SELECT ",
            $what,
            " FROM certlife_application WHERE institution = $1 AND ",
            $after,
            " AND ($6::text IS NULL OR applicant_email = $6) ORDER BY ",
            $order,
            $part,
            ")"
        )
    };
}

/// The title with the letters exchanged (`Needle::exchange`), and what is written otherwise in a
/// column (text.rs) so that no part of it is taken for a character: no letter of a part is upper
/// case.
macro_rules! exchanged {
    () => {
        "replace(replace(translate(a.certificate_title COLLATE \"C\", $8, $9), \
         chr(1114111) || '0', chr(1114111) || 'A'), chr(1114111) || '1', chr(1114111) || 'B')"
    };
}

/// A page of an institution's applications. If it is not full, a row follows that has nothing but
/// the number of the first application that was not looked at, if there is one.
macro_rules! list_sql {
    ($after:literal, $order:literal) => {
        concat!(
            "(SELECT ",
            columns!(),
            ", NULL::bigint FROM ",
            candidates!("*", $after, $order, " LIMIT $11"),
            " a LEFT JOIN certlife_event e ON e.uuid = a.uuid AND e.version = a.version WHERE ",
            in_cells!("a", "$3"),
            " AND a.updated_at >= $4 AND a.updated_at < $5 \
             AND ($7::bigint IS NULL OR a.application_id = $7) \
             AND ($10::text IS NULL OR strpos(",
            exchanged!(),
            ", $10) > 0) ORDER BY a.",
            $order,
            " LIMIT $12) UNION ALL (SELECT ",
            columns!(),
            ", beyond.number FROM ",
            candidates!("number", $after, $order, " OFFSET $11 LIMIT 1"),
            " beyond LEFT JOIN certlife_application a ON false \
             LEFT JOIN certlife_event e ON false) LIMIT $12"
        )
    };
}

statements! {
    LIST(TEXT, INT8, INT4, INT8, INT8, TEXT, INT8, TEXT, TEXT, TEXT, INT8, INT8) =
        list_sql!("number > $2", "number");
    LIST_BACKWARDS(TEXT, INT8, INT4, INT8, INT8, TEXT, INT8, TEXT, TEXT, TEXT, INT8, INT8) =
        list_sql!("number < $2", "number DESC");

    COUNTS(TEXT) = "SELECT status, trigger_context, count(*), min(updated_at) \
                    FROM certlife_application \
                    WHERE institution = $1 GROUP BY status, trigger_context";
}

/// A part of a title as it stands among exchanged letters.
fn part(needle: &Needle) -> String {
    let written = encode(needle.as_str());
    written
        .replace("\u{10ffff}0", "\u{10ffff}A")
        .replace("\u{10ffff}1", "\u{10ffff}B")
}

pub(super) async fn list(client: &Session, query: &ListQuery) -> Result<Page> {
    let (sql, start, before_it) = match query.order {
        ListOrder::OldestFirst => (LIST, i64::MIN, -1),
        ListOrder::NewestFirst => (LIST_BACKWARDS, i64::MAX, 1),
    };
    let filter = &query.filter;
    let (from, before) = filter.updated_seconds();
    let email = filter.email.as_ref().map(ApplicantEmail::as_str);
    let number = filter.application_id.map(|it| it.get().cast_signed());
    let needle = filter.title.as_ref().map(Needle::new);
    let (upper, lower) = needle.as_ref().map(Needle::exchange).unzip();
    let part = needle.as_ref().map(part);
    // Not prepared: which plan is good depends on what is asked for.
    let parameters: [(&(dyn ToSql + Sync), Type); 12] = [
        (&query.institution.as_str(), Type::TEXT),
        (&query.after.map_or(start, |key| key.0), Type::INT8),
        (&i32::from(filter.cells.bits()), Type::INT4),
        (&from, Type::INT8),
        (&before, Type::INT8),
        (&email, Type::TEXT),
        (&number, Type::INT8),
        (&upper, Type::TEXT),
        (&lower, Type::TEXT),
        (&part, Type::TEXT),
        (&i64::from(query.most()), Type::INT8),
        (&(i64::from(query.page_size()) + 1), Type::INT8),
    ];
    let rows = client.query_typed(sql, &parameters).await.map_err(failed)?;
    let (mut look, mut keys, mut beyond) = (query.look(), Vec::new(), None);
    for row in &rows {
        if let Some(number) = row.try_get(20).map_err(failed)? {
            beyond = Some(PageKey(i64::saturating_add(number, before_it)));
            continue;
        }
        let key = PageKey(read(row, Joined::number)?);
        keys.push(key);
        let application = read(row, |joined| Ok(joined.last_event()?.application()));
        if look.at(key, Some(application)).is_break() {
            break;
        }
    }
    let mut page = look.page();
    // A full page says itself where it ends.
    if page.next.is_none() && beyond.is_some() {
        let is_full = keys.len() == query.page_size() as usize;
        page.next = keys.pop().filter(|_| is_full).or(beyond);
    }
    Ok(Page::of(page))
}

pub(super) async fn counts(client: &Session, institution: &InstitutionId) -> Result<Vec<Count>> {
    let rows = query(client, COUNTS, &[&institution.as_str()]).await?;
    let cell = |row: &Row| stored::cell(row, "certlife_application", institution);
    let cells = rows.iter().map(cell).collect::<Result<Vec<_>>>()?;
    Ok(Count::sorted(cells))
}

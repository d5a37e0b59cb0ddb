//! Lists and counts, and the feed backward.

use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::failure::failed;
use super::read::{query, read, settled};
use super::row::{Joined, columns, cursor};
use super::session::Session;
use super::sql::statements;
use super::text::encode;
use crate::lifecycle::event::EventKind;
use crate::lifecycle::value::ApplicantEmail;
use crate::store::cells::in_cells;
use crate::store::stored;
use crate::store::title::Needle;
use crate::store::{
    Count, Cursor, FeedPage, InstitutionId, ListOrder, ListQuery, Page, PageKey, Result,
};

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
            ", $10) > 0) \
             AND ($13::text IS NULL OR e.text IS NULL OR e.text = $13) ORDER BY a.",
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

/// Events before a place, from the last to the first.
macro_rules! backward {
    ($what:literal, $part:literal) => {
        concat!(
            "(SELECT ",
            $what,
            " FROM certlife_event e WHERE (e.transaction, e.place) < ($1, $2) AND ",
            settled!(),
            " ORDER BY e.transaction DESC, e.place DESC",
            $part,
            ")"
        )
    };
}

/// Of the events that are looked at, those of an institution and of a kind, where they are given.
/// If the page is not full, a row follows that has nothing but the place of the first event that
/// was not looked at, if there is one. An application is looked for by its key: joined otherwise,
/// all of them might be read.
macro_rules! backward_sql {
    () => {
        concat!(
            "(SELECT ",
            columns!(),
            ", current_setting('synchronous_standby_names') <> '', NULL::bigint, NULL::integer FROM ",
            backward!("e.*", " LIMIT $5"),
            " e LEFT JOIN LATERAL ( \
                 SELECT a.* FROM certlife_application a WHERE a.uuid = e.uuid OFFSET 0 \
             ) a ON true \
             WHERE ($3::text IS NULL OR a.institution = $3) \
             AND ($4::smallint IS NULL OR e.kind = $4) \
             ORDER BY e.transaction DESC, e.place DESC LIMIT $6) UNION ALL (SELECT ",
            columns!(),
            ", NULL::boolean, beyond.transaction, beyond.place FROM ",
            backward!("e.transaction, e.place", " OFFSET $5 LIMIT 1"),
            " beyond LEFT JOIN certlife_application a ON false \
             LEFT JOIN certlife_event e ON false) LIMIT $6"
        )
    };
}

statements! {
    BACKWARD(INT8, INT4, TEXT, INT2, INT8, INT8) = backward_sql!();

    LIST(TEXT, INT8, INT4, INT8, INT8, TEXT, INT8, TEXT, TEXT, TEXT, INT8, INT8, TEXT) =
        list_sql!("number > $2", "number");
    LIST_BACKWARDS(TEXT, INT8, INT4, INT8, INT8, TEXT, INT8, TEXT, TEXT, TEXT, INT8, INT8, TEXT) =
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
    let error = filter.error.as_ref().map(|it| encode(it.as_str()));
    // Not prepared: which plan is good depends on what is asked for.
    let parameters: [(&(dyn ToSql + Sync), Type); 13] = [
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
        (&error, Type::TEXT),
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

/// A page of the feed backward, and whether it has to wait until the synchronous standby has it,
/// before it is reported.
pub(super) async fn feed_before(
    client: &Session,
    institution: Option<&InstitutionId>,
    kind: Option<EventKind>,
    before: Option<Cursor>,
    limit: u32,
) -> Result<(FeedPage, bool)> {
    let transaction = before.map(|it| i64::try_from(it.transaction()).unwrap_or(i64::MAX));
    let place = before.map(|it| i32::try_from(it.index()).unwrap_or(i32::MAX));
    // Not prepared: which plan is good depends on how many are looked at.
    let parameters: [(&(dyn ToSql + Sync), Type); 6] = [
        (&transaction.unwrap_or(i64::MAX), Type::INT8),
        (&place.unwrap_or(i32::MAX), Type::INT4),
        (&institution.map(InstitutionId::as_str), Type::TEXT),
        (
            &kind.map(|it| stored::code(&EventKind::ALL, &it)),
            Type::INT2,
        ),
        (&i64::from(FeedPage::most(limit)), Type::INT8),
        (&(i64::from(FeedPage::size(limit)) + 1), Type::INT8),
    ];
    let rows = client.query_typed(BACKWARD, &parameters);
    let rows = rows.await.map_err(failed)?;
    let (mut look, mut beyond) = (FeedPage::look(limit), None);
    for row in &rows {
        let first_beyond = row.try_get::<_, Option<i64>>(21).map_err(failed)?;
        if let Some(transaction) = first_beyond {
            let place: i32 = row.try_get(22).map_err(failed)?;
            beyond = cursor(transaction, place.saturating_add(1).into()).ok();
            continue;
        }
        let place = read(row, Joined::cursor)?;
        if look.at(place, Some(read(row, Joined::recorded))).is_break() {
            break;
        }
    }
    let mut page = FeedPage::of(look.page());
    page.next = page.next.or(beyond);
    let first = rows.first();
    let is_synchronous = first.is_some_and(|it| it.try_get(20).unwrap_or(true));
    Ok((page, is_synchronous))
}

//! Every text of the pages, once in each language.

macro_rules! texts {
    ($($name:ident: $english:literal, $german:literal;)+) => {
        /// The texts of one language.
        #[derive(Debug)]
        pub(in crate::console) struct Texts {
            /// Its code (BCP 47).
            pub(in crate::console) code: &'static str,
            $(pub(in crate::console) $name: &'static str,)+
        }

        pub(super) static ENGLISH: Texts = Texts { code: "en", $($name: $english,)+ };
        pub(super) static GERMAN: Texts = Texts { code: "de", $($name: $german,)+ };
    };
}

texts! {
    overview: "Overview", "Übersicht";
    queue: "Decide", "Entscheiden";
    applications: "Applications", "Anträge";
    sign_in: "Sign in", "Anmelden";
    sign_out: "Sign out", "Abmelden";
    skip: "Skip to the content", "Zum Inhalt springen";
    sections: "Sections", "Bereiche";
    token: "Token", "Token";
    token_hint: "A token made by certlife token create. It is kept only as a hash, and the session ends with it.",
        "Ein Token von certlife token create. Davon wird nur ein Hash gespeichert, und die Sitzung endet mit ihm.";
    institution: "Institution", "Institution";
    institution_hint: "Only for a token that is good for all institutions.",
        "Nur bei einem Token, das für alle Institutionen gilt.";
    bad_token: "This token is unknown, expired or revoked.",
        "Dieses Token ist unbekannt, abgelaufen oder widerrufen.";
    bad_institution: "This token is good for all institutions: name the one that you want to see.",
        "Dieses Token gilt für alle Institutionen: Nennen Sie die, die Sie sehen wollen.";
    other_institution: "This token is for another institution.",
        "Dieses Token gilt für eine andere Institution.";
    too_many_attempts: "Too many attempts have failed. Wait a minute and try again.",
        "Zu viele Versuche sind gescheitert. Warten Sie eine Minute und versuchen Sie es noch einmal.";
    waits_for_decision: "Waits for a decision", "Wartet auf eine Entscheidung";
    failed: "Failed", "Fehlgeschlagen";
    stuck: "Stuck", "Hängt fest";
    stuck_hint: "in processing for more than an hour", "seit mehr als einer Stunde in Bearbeitung";
    ill_webhooks: "Webhooks with trouble", "Webhooks mit Problemen";
    nothing: "Nothing", "Nichts";
    oldest: "the oldest:", "der älteste:";
    of_newest: "of the newest {}", "der neuesten {}";
    disabled: "disabled", "abgeschaltet";
    failing_since: "failing since", "scheitert seit";
    dead_letter: "1 dead letter", "1 unzustellbares Ereignis";
    dead_letters: "{} dead letters", "{} unzustellbare Ereignisse";
    due_since: "due since", "fällig seit";
    by_status: "Applications by status and source", "Anträge nach Stand und Herkunft";
    total: "All", "Alle";
    counted: "Counted", "Gezählt";
    count_all: "Count them all", "Alle zählen";
    number: "Number", "Nummer";
    title: "Title", "Titel";
    email: "E-mail", "E-Mail";
    status: "Status", "Stand";
    source: "Source", "Herkunft";
    changed: "Changed", "Geändert";
    version: "Version", "Version";
    filter: "Filter", "Filtern";
    any: "any", "alle";
    title_part: "Part of the title", "Teil des Titels";
    changed_from: "Changed from", "Geändert ab";
    changed_before: "Changed before", "Geändert vor";
    newest_first: "Newest first", "Neueste zuerst";
    oldest_first: "Oldest first", "Älteste zuerst";
    order: "Order", "Reihenfolge";
    none_found: "No application fits this filter.", "Kein Antrag passt zu diesem Filter.";
    looked_far: "Nothing was found so far; there are more to look at.",
        "Bisher wurde nichts gefunden; es gibt noch mehr zu durchsuchen.";
    unreadable: "{} could not be read; the server's log says why.",
        "{} konnten nicht gelesen werden; das Log des Servers sagt, warum.";
    next_page: "Next page", "Nächste Seite";
    first_page: "First page", "Erste Seite";
    accept: "Accept", "Annehmen";
    reject: "Reject", "Ablehnen";
    retry: "Retry", "Noch einmal versuchen";
    reason: "Reason", "Grund";
    reason_hint: "It is part of the event that subscribers receive.", "Er ist Teil des Ereignisses, das Abonnenten erhalten.";
    selected: "The selected ones:", "Die ausgewählten:";
    all_shown: "All that this filter shows …", "Alles, was dieser Filter zeigt …";
    all_one: "1 application, as it was when this page was made.", "1 Antrag, wie er war, als diese Seite entstand.";
    all_many: "{} applications, as they were when this page was made.",
        "{} Anträge, wie sie waren, als diese Seite entstand.";
    more_than: "At least", "Mindestens";
    tasks: "Tasks", "Aufgaben";
    task: "Task", "Aufgabe";
    no_tasks: "There are no tasks since the server was started.", "Seit dem Start des Servers gibt es keine Aufgaben.";
    running: "running", "läuft";
    ended: "done", "fertig";
    broken_off: "broken off", "abgebrochen";
    task_broken_off: "The store did not answer, so the task has ended early. What is done stays done.",
        "Der Speicher hat nicht geantwortet, daher endete die Aufgabe vorzeitig. Was erledigt ist, bleibt es.";
    too_many_tasks: "Too many tasks are running. Wait for one of them.",
        "Es laufen zu viele Aufgaben. Warten Sie auf eine davon.";
    done_of: "Done", "Erledigt";
    refused_of: "Refused", "Verweigert";
    and_more: "and {} more", "und {} weitere";
    export: "Export:", "Exportieren:";
    tokens: "Tokens", "Tokens";
    name: "Name", "Name";
    actor: "Actor", "Handelt als";
    role: "Role", "Rolle";
    days: "Days until it expires", "Tage, bis es abläuft";
    scopes: "Scopes", "Rechte";
    made_at: "Created", "Erstellt";
    expires_at: "Expires", "Läuft ab";
    used_at: "Last used", "Zuletzt benutzt";
    make_token: "Create a token", "Token erstellen";
    revoke: "Revoke", "Widerrufen";
    shown_once: "This is the token. It is shown this once: keep it now.",
        "Das ist das Token. Es wird nur dieses eine Mal gezeigt: Bewahren Sie es jetzt auf.";
    bad_days: "The days have to be a number from 1 to 3660.", "Die Tage müssen eine Zahl von 1 bis 3660 sein.";
    acts: "Who did what", "Wer was getan hat";
    acts_hint: "What was done to applications, webhooks, deliveries and tokens, the newest first.",
        "Was an Anträgen, Webhooks, Zustellungen und Tokens getan wurde, das Neueste zuerst.";
    settings_acts: "Webhooks, deliveries and tokens", "Webhooks, Zustellungen und Tokens";
    act_at: "When", "Wann";
    act_by: "Who", "Wer";
    act_what: "What", "Was";
    act_subject: "Of what", "Woran";
    act_detail: "Details", "Einzelheiten";
    act_outcome: "Outcome", "Ergebnis";
    act_done: "done", "erledigt";
    act_unknown: "unknown", "unbekannt";
    older_acts: "Older", "Ältere";
    webhook_registered_act: "registered a webhook", "Webhook angemeldet";
    webhook_changed_act: "changed a webhook", "Webhook geändert";
    webhook_enabled_act: "enabled a webhook", "Webhook eingeschaltet";
    webhook_disabled_act: "disabled a webhook", "Webhook abgeschaltet";
    webhook_rotated_act: "gave a webhook a new secret", "Geheimnis eines Webhooks erneuert";
    webhook_tested_act: "tested a webhook", "Webhook getestet";
    webhook_removed_act: "removed a webhook", "Webhook entfernt";
    redelivered_act: "redelivered deliveries", "Zustellungen noch einmal gesendet";
    abandoned_act: "abandoned deliveries", "Zustellungen aufgegeben";
    replayed_act: "replayed events for a webhook", "Ereignisse für einen Webhook nachgeholt";
    token_created_act: "created a token", "Token erstellt";
    token_revoked_act: "revoked a token", "Token widerrufen";
    session_begun_act: "signed in", "Angemeldet";
    session_ended_act: "signed out", "Abgemeldet";
    in_a_moment: "in a moment", "gleich";
    in_minutes: "in {} minutes", "in {} Minuten";
    in_hours: "in {} hours", "in {} Stunden";
    in_days: "in {} days", "in {} Tagen";
    by: "by", "von";
    too_long: "The form is too long. Go back: your browser has what you typed.",
        "Das Formular ist zu lang. Gehen Sie zurück: Ihr Browser hat noch, was Sie geschrieben haben.";
    select: "Select", "Auswählen";
    select_all: "Select all of this page", "Alle dieser Seite auswählen";
    done_one: "1 application is done.", "1 Antrag ist erledigt.";
    done_many: "{} applications are done.", "{} Anträge sind erledigt.";
    not_done: "These are not:", "Diese sind es nicht:";
    none_selected: "No application was selected.", "Es war kein Antrag ausgewählt.";
    history: "History", "Verlauf";
    deliveries: "Deliveries", "Zustellungen";
    webhook: "Webhook", "Webhook";
    event: "Event", "Ereignis";
    when: "When", "Wann";
    who: "Who", "Wer";
    why: "Why", "Warum";
    attempts: "Attempts", "Versuche";
    no_events: "No event fits this filter.", "Kein Ereignis passt zu diesem Filter.";
    older_events: "Older events", "Ältere Ereignisse";
    newest_events: "Newest events", "Neueste Ereignisse";
    unseen: "There may be changes that are not shown.", "Es kann Änderungen geben, die nicht angezeigt werden.";
    events_of_last: "Events of the last {}", "Ereignisse der letzten {}";
    day_span: "24 hours", "24 Stunden";
    six_hours_span: "6 hours", "6 Stunden";
    hour_span: "hour", "Stunde";
    quarter_span: "15 minutes", "15 Minuten";
    five_minutes_span: "5 minutes", "5 Minuten";
    minute_span: "minute", "Minute";
    hour_bar: "an hour", "einer Stunde";
    quarter_bar: "15 minutes", "15 Minuten";
    minute_bar: "a minute", "einer Minute";
    half_minute_bar: "30 seconds", "30 Sekunden";
    ten_seconds_bar: "10 seconds", "10 Sekunden";
    second_bar: "a second", "einer Sekunde";
    event_one: "1 event", "1 Ereignis";
    event_many: "{} events", "{} Ereignisse";
    and_older: " and older ones that are not counted", " und ältere, die nicht gezählt sind";
    at_most_in: "at most {} in", "höchstens {} in";
    no_events_then: "There are no events in this time.", "In dieser Zeit gibt es keine Ereignisse.";
    other_events: "other", "andere";
    times_in_utc: "Times in UTC.", "Zeiten in UTC.";
    as_table: "As a table", "Als Tabelle";
    event_json: "The event as it is sent", "Das Ereignis, wie es gesendet wird";
    lifecycle: "Lifecycle", "Lebenslauf";
    identity: "UUID", "UUID";
    conflict: "It has changed meanwhile: nothing was done. This is what it is now; what you typed is kept.",
        "Der Antrag hat sich inzwischen geändert: Es wurde nichts getan. Dies ist sein Stand; was Sie geschrieben haben, ist noch da.";
    changed_meanwhile: "It has changed meanwhile: nothing was done.",
        "Der Antrag hat sich inzwischen geändert: Es wurde nichts getan.";
    typed: "What you typed:", "Was Sie geschrieben haben:";
    refused: "It was refused:", "Es wurde verweigert:";
    accepted: "It is accepted and processed now.", "Der Antrag ist angenommen und wird bearbeitet.";
    rejected: "It is rejected.", "Der Antrag ist abgelehnt.";
    retried: "It is processed again.", "Der Antrag wird noch einmal bearbeitet.";
    queue_empty: "Nothing waits for a decision.", "Nichts wartet auf eine Entscheidung.";
    queue_end: "That was the last one.", "Das war der letzte.";
    skip_one: "Skip", "Überspringen";
    from_start: "From the start", "Von vorn";
    keys: "Keys: a accept, r reject, j next, k back, ? this help",
        "Tasten: a annehmen, r ablehnen, j nächster, k zurück, ? diese Hilfe";
    waiting_one: "1 waiting", "1 wartet";
    waiting_many: "{} waiting", "{} warten";
    just_now: "just now", "gerade eben";
    minute_ago: "a minute ago", "vor einer Minute";
    minutes_ago: "{} minutes ago", "vor {} Minuten";
    hour_ago: "an hour ago", "vor einer Stunde";
    hours_ago: "{} hours ago", "vor {} Stunden";
    day_ago: "a day ago", "vor einem Tag";
    days_ago: "{} days ago", "vor {} Tagen";
    created: "created", "eingegangen";
    processing: "processing", "in Bearbeitung";
    approved: "approved", "bewilligt";
    rejected_status: "rejected", "abgelehnt";
    failed_status: "failed", "fehlgeschlagen";
    retried_event: "retried", "wiederholt";
    customer: "customer", "Kunde";
    vault: "vault", "Tresor";
    pending: "pending", "steht aus";
    delivered: "delivered", "zugestellt";
    dead: "dead", "unzustellbar";
    not_found: "There is no such page, or no such application.", "Diese Seite oder dieser Antrag ist unbekannt.";
    forbidden: "Your role does not allow this.", "Ihre Rolle erlaubt das nicht.";
    unavailable: "The store does not answer. Nothing was changed; try again later.",
        "Der Speicher antwortet nicht. Es wurde nichts geändert; versuchen Sie es später noch einmal.";
    broken: "The server failed; its log says why.", "Der Server ist gescheitert; sein Log sagt, warum.";
    bad_request: "The request is not one of these pages'.", "Die Anfrage ist keine dieser Seiten.";
    foreign: "The request came from another site and was refused.",
        "Die Anfrage kam von einer anderen Website und wurde verweigert.";
    wrong_filter: "This filter is wrong:", "Dieser Filter ist falsch:";
    no_error: "no error is so long or has such characters", "so lang ist kein Fehler, oder er hat keine solchen Zeichen";
    no_such_choice: "it is none of the choices", "das steht nicht zur Auswahl";
    no_email: "expected an e-mail address such as john@example.com",
        "erwartet wird eine E-Mail-Adresse wie john@example.com";
    no_title: "expected 1 to 255 characters, not only blanks",
        "erwartet werden 1 bis 255 Zeichen, nicht nur Leerzeichen";
    no_number: "expected a whole number from 1 to 9007199254740991",
        "erwartet wird eine ganze Zahl von 1 bis 9007199254740991";
    no_time: "expected a day such as 2026-06-04, or a time such as 2026-06-04T10:30 (UTC)",
        "erwartet wird ein Tag wie 2026-06-04 oder eine Zeit wie 2026-06-04T10:30 (UTC)";
    no_id: "expected a UUID", "erwartet wird eine UUID";
    no_place: "there is no such page of the list", "diese Seite der Liste gibt es nicht";
    page: "Page", "Seite";
    bad_reason: "A rejection needs a reason of 1 to 1000 characters, not only blanks.",
        "Eine Ablehnung braucht eine Begründung von 1 bis 1000 Zeichen, nicht nur Leerzeichen.";
    offered: "Offered reasons", "Vorgeschlagene Begründungen";
    illegal: "This cannot be done any more: the application is", "Das geht nicht mehr; der Stand des Antrags ist:";
    unknown_application: "This application does not exist.", "Diesen Antrag gibt es nicht.";
    back: "Back", "Zurück";
    pause: "Pause updates", "Aktualisierung anhalten";
    resume: "Resume updates", "Aktualisierung fortsetzen";
    signed_in_as: "Signed in as", "Angemeldet als";
    webhooks: "Webhooks", "Webhooks";
    no_webhooks: "No webhook is registered.", "Es ist kein Webhook angemeldet.";
    url: "URL", "URL";
    description: "Description", "Beschreibung";
    events: "Events", "Ereignisse";
    all_events: "all", "alle";
    enabled: "enabled", "eingeschaltet";
    disabled_manual: "by hand", "von Hand";
    disabled_gone: "its server says that it is gone (410)", "sein Server sagt, dass es ihn nicht mehr gibt (410)";
    disabled_failing: "it failed for too long", "er scheiterte zu lange";
    failing: "Failing since", "Scheitert seit";
    not_before: "Waits, as its server asked, until", "Wartet, wie sein Server es wollte, bis";
    pending_count: "Pending", "Stehen aus";
    dead_count: "Dead", "Unzustellbar";
    oldest_due: "Oldest due", "Fällig seit";
    headers: "Names of its headers", "Namen seiner Header";
    registered_at: "Registered", "Angemeldet";
    latest_deliveries: "Latest deliveries", "Neueste Zustellungen";
    all_deliveries: "All of its deliveries", "Alle seine Zustellungen";
    actions: "Actions", "Aktionen";
    register: "Register a webhook", "Webhook anmelden";
    register_now: "Register", "Anmelden";
    url_hint: "Where events are sent: https, with a public address unless the server allows others.",
        "Wohin Ereignisse gesendet werden: https, mit öffentlicher Adresse, wenn der Server keine andere erlaubt.";
    description_hint: "What people call it: at most 256 characters.", "Wie man ihn nennt: höchstens 256 Zeichen.";
    enable: "Enable", "Einschalten";
    enable_hint: "What is pending since before it was disabled:", "Was noch aussteht, seit er abgeschaltet wurde:";
    pending_resume: "is sent", "wird gesendet";
    pending_drop: "is made dead and not sent", "wird unzustellbar und nicht gesendet";
    disable: "Disable", "Abschalten";
    disable_hint: "Nothing is sent until it is enabled again; what is pending stays.",
        "Es wird nichts gesendet, bis er wieder eingeschaltet ist; was aussteht, bleibt.";
    test: "Send a test event", "Testereignis senden";
    test_hint: "Once, and even if it is disabled; its answer is shown.",
        "Einmal, auch wenn er abgeschaltet ist; seine Antwort wird gezeigt.";
    test_answer: "The answer to the test event", "Die Antwort auf das Testereignis";
    rotate: "New secret", "Neues Geheimnis";
    rotate_hint: "The new secret is shown once. The old one stays valid for a day, unless it is revoked.",
        "Das neue Geheimnis wird einmal gezeigt. Das alte gilt noch einen Tag, wenn es nicht widerrufen wird.";
    revoke_secrets: "Revoke all earlier secrets at once", "Alle früheren Geheimnisse sofort widerrufen";
    secret: "Secret", "Geheimnis";
    secret_hint: "Copy it now: it is not shown again. Deliveries are signed with it.",
        "Kopieren Sie es jetzt: Es wird nicht noch einmal gezeigt. Damit werden Zustellungen signiert.";
    to_webhook: "To the webhook", "Zum Webhook";
    webhook_registered: "The webhook is registered.", "Der Webhook ist angemeldet.";
    webhook_known: "It was registered before. Its secret was shown then; rotate it if it is lost.",
        "Er ist schon angemeldet. Sein Geheimnis wurde dabei gezeigt; ist es verloren, erneuern Sie es.";
    webhook_rotated: "The webhook has a new secret.", "Der Webhook hat ein neues Geheimnis.";
    webhook_enabled: "It is enabled.", "Er ist eingeschaltet.";
    webhook_disabled: "It is disabled.", "Er ist abgeschaltet.";
    webhook_conflict: "It has changed meanwhile: nothing was done. Look at it as it is now, and decide again.",
        "Er hat sich inzwischen geändert: Es wurde nichts getan. Sehen Sie ihn sich an, wie er jetzt ist, und entscheiden Sie neu.";
    webhook_saved: "The settings are saved.", "Die Einstellungen sind gespeichert.";
    webhook_removed: "The webhook is removed.", "Der Webhook ist entfernt.";
    settings: "Settings of the webhook", "Einstellungen des Webhooks";
    change_settings: "Change the settings", "Einstellungen ändern";
    settings_conflict: "It has changed meanwhile: nothing was saved. What you typed is kept; saving it now replaces what is there.",
        "Er hat sich inzwischen geändert: Es wurde nichts gespeichert. Was Sie geschrieben haben, ist noch da; speichern Sie es jetzt, ersetzt es das Vorhandene.";
    as_it_is_now: "As it is now", "Wie er jetzt ist";
    save: "Save", "Speichern";
    headers_field: "Headers of its own", "Eigene Header";
    headers_hint: "On each line one, as Name: value. The values are not shown again.",
        "Auf jeder Zeile einer, als Name: Wert. Die Werte werden nicht wieder gezeigt.";
    headers_kept_hint: "On each line one, as Name: value. Values are never shown: a name alone keeps the value that it has. Without its line, a header is removed.",
        "Auf jeder Zeile einer, als Name: Wert. Werte werden nie gezeigt: Ein Name allein behält den Wert, den er hat. Ohne seine Zeile wird ein Header entfernt.";
    header_without_value: "header {} has no value yet: write it as Name: value",
        "Der Header {} hat noch keinen Wert: Schreiben Sie ihn als Name: Wert";
    escaped: "Other pages show it as:", "Andere Seiten zeigen sie als:";
    remove: "Remove", "Entfernen";
    remove_webhook: "Remove the webhook", "Webhook entfernen";
    remove_ask: "With the webhook go its secrets, its deliveries and their attempts. This cannot be undone.",
        "Mit dem Webhook verschwinden seine Geheimnisse, seine Zustellungen und deren Versuche. Das lässt sich nicht rückgängig machen.";
    remove_pending_one: "1 delivery is pending and is not sent any more.", "1 Zustellung steht aus und wird nicht mehr gesendet.";
    remove_pending_many: "{} deliveries are pending and are not sent any more.",
        "{} Zustellungen stehen aus und werden nicht mehr gesendet.";
    remove_dead_one: "1 delivery is dead and cannot be redelivered any more.",
        "1 Zustellung ist unzustellbar und lässt sich danach nicht noch einmal senden.";
    remove_dead_many: "{} deliveries are dead and cannot be redelivered any more.",
        "{} Zustellungen sind unzustellbar und lassen sich danach nicht noch einmal senden.";
    abandon: "Abandon", "Aufgeben";
    abandon_pending: "Abandon what is pending", "Ausstehendes aufgeben";
    abandon_these: "Abandon all pending ones that this filter shows", "Alle ausstehenden aufgeben, die dieser Filter zeigt";
    abandon_ask_one: "1 pending delivery would become dead. Its receiver does not get the event.",
        "1 ausstehende Zustellung würde unzustellbar. Ihr Empfänger bekommt das Ereignis nicht.";
    abandon_ask_many: "{} pending deliveries would become dead. Their receivers do not get the events.",
        "{} ausstehende Zustellungen würden unzustellbar. Ihre Empfänger bekommen die Ereignisse nicht.";
    abandon_rule: "An attempt that is under way is not stopped. What is dead can be redelivered.",
        "Ein Versuch, der schon läuft, wird nicht abgebrochen. Unzustellbares lässt sich noch einmal senden.";
    abandon_hint: "The page of the delivery shows it: 1 to 256 characters.",
        "Die Seite der Zustellung zeigt ihn: 1 bis 256 Zeichen.";
    abandoned_one: "1 delivery is dead now.", "1 Zustellung ist jetzt unzustellbar.";
    abandoned_many: "{} deliveries are dead now.", "{} Zustellungen sind jetzt unzustellbar.";
    dead_again: "Redeliver what is dead", "Unzustellbares noch einmal senden";
    delivery: "Delivery", "Zustellung";
    application: "Application", "Antrag";
    from_time: "Recorded from", "Aufgezeichnet ab";
    to_time: "Recorded before", "Aufgezeichnet vor";
    no_deliveries: "No delivery fits this filter.", "Keine Zustellung passt zu diesem Filter.";
    recorded: "Recorded", "Aufgezeichnet";
    due: "Due", "Fällig";
    settled: "Settled", "Erledigt";
    being_sent: "being sent", "wird gesendet";
    redeliver: "Redeliver", "Noch einmal senden";
    redeliver_these: "Redeliver all that this filter shows", "Alle senden, die dieser Filter zeigt";
    redeliver_ask_one: "1 delivery would be sent again. Its receiver gets the event once more.",
        "1 Zustellung würde noch einmal gesendet. Ihr Empfänger bekommt das Ereignis erneut.";
    redeliver_ask_many: "{} deliveries would be sent again. Their receivers get the events once more.",
        "{} Zustellungen würden noch einmal gesendet. Ihre Empfänger bekommen die Ereignisse erneut.";
    redeliver_rule: "Without a status, those that are delivered or dead. What is being sent or due already stays as it is.",
        "Ohne Stand die, die zugestellt oder unzustellbar sind. Was gerade gesendet wird oder fällig ist, bleibt, wie es ist.";
    redelivered_one: "1 delivery is due again.", "1 Zustellung ist wieder fällig.";
    redelivered_many: "{} deliveries are due again.", "{} Zustellungen sind wieder fällig.";
    replay: "Send what it never got", "Nachholen, was nie ankam";
    replay_rule: "For each event of which this webhook has no delivery, one is made: of what happened before it was registered, while it was disabled, or before it wanted such events. Receivers get them in the order in which they happened, behind what is new. What was delivered so long ago that it is no longer kept is sent again.",
        "Für jedes Ereignis, zu dem dieser Webhook keine Zustellung hat, entsteht eine: für das, was vor seiner Registrierung geschah, während er abgeschaltet war oder bevor er solche Ereignisse wollte. Empfänger bekommen sie in der Reihenfolge, in der sie geschahen, hinter dem, was neu ist. Was vor so langer Zeit zugestellt wurde, dass es nicht mehr aufgehoben ist, wird noch einmal gesendet.";
    replay_times: "By the time that the event says, in UTC. Without times: all up to now.",
        "Nach der Zeit, die das Ereignis nennt, in UTC. Ohne Zeiten: alle bis jetzt.";
    replay_disabled: "This webhook is disabled: what is made waits until it is enabled.",
        "Dieser Webhook ist abgeschaltet: Was entsteht, wartet, bis er eingeschaltet wird.";
    replay_found: "What it never got", "Was nie ankam";
    replay_ask_one: "1 event would be sent.", "1 Ereignis würde gesendet.";
    replay_ask_many: "{} events would be sent.", "{} Ereignisse würden gesendet.";
    no_time_between: "The second time must be later than the first.", "Die zweite Zeit muss nach der ersten liegen.";
    no_event_chosen: "Choose at least one kind of event.", "Wählen Sie mindestens eine Art von Ereignis.";
    count: "Count", "Zählen";
    answer: "Answer", "Antwort";
    error: "Error", "Fehler";
    took: "Took", "Dauer";
    no_attempts: "No attempt is kept.", "Kein Versuch ist aufgehoben.";
}

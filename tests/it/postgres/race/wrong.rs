//! Wrong ways to do it, on the same tables. Where a mistake is a matter of microseconds it is given milliseconds, so
//! that the race finds it every time.

use sqlx::PgConnection;

use super::readers::{Filter, Reader, follow_by_statement};

pub(super) const NAIVE: &str = "whatever is visible";
pub(super) const ONE_STATEMENT: &str = "watermark and page in one statement";
pub(super) const LATE_LOCK: &str = "everything, where appends take their lock late";

/// No watermark.
pub(super) fn naive(pg: PgConnection) -> Reader {
    let statement = "SELECT position, stream, version, name FROM eventsource.events WHERE position > $1 \
                     ORDER BY position LIMIT 100";
    Reader::new(NAIVE, Filter::All, move |end| follow_by_statement(pg, statement, end))
}

/// The right watermark, looked at after the page's snapshot was taken.
pub(super) fn one_statement(pg: PgConnection) -> Reader {
    let statement = "WITH look AS MATERIALIZED (SELECT eventsource.watermark() AS watermark FROM pg_sleep(0.01)) \
                     SELECT position, stream, version, name FROM eventsource.events, look \
                     WHERE position > $1 AND position <= watermark ORDER BY position LIMIT 100";
    Reader::new(ONE_STATEMENT, Filter::All, move |end| follow_by_statement(pg, statement, end))
}

/// Appends draw their positions first and take the lock then.
pub(super) const LOCK_AFTER_DRAWING: &str = "
    ALTER FUNCTION eventsource.take_turn() RENAME TO take_turn_late;
    CREATE FUNCTION eventsource.take_turn() RETURNS void LANGUAGE plpgsql AS $$ BEGIN END $$;
    CREATE FUNCTION eventsource.events_are_drawn() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_sleep(0.003);
        PERFORM eventsource.take_turn_late();
        RETURN NULL;
    END $$;
    CREATE TRIGGER events_are_drawn AFTER INSERT ON eventsource.events
        FOR EACH STATEMENT EXECUTE FUNCTION eventsource.events_are_drawn();
";

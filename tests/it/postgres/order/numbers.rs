//! The numbers themselves: where their floors are cut to 31 bits, and where a floor comes late.

use super::*;

#[tokio::test]
async fn the_order_holds_where_positions_cross_a_border_of_31_bits() {
    for border in [1_u64 << 31, 1 << 32] {
        let mut scene = Scene::new().await;
        scene.run(&format!("ALTER SEQUENCE eventsource.events_position_seq RESTART WITH {}", border - 4)).await;
        assert_eq!(scene.append("first").await, Position(border - 4));
        // Its floor is below the border, and all that it holds back is around it.
        let mut below = scene.open().await;
        assert_eq!(below.append("below").await, Position(border - 3));
        for expected in ["c1", "c2", "c3"] {
            scene.append(&expected[..1]).await;
            assert_eq!(scene.delivered().await, ["before1", "first1"], "before {expected}");
        }
        // Its floor is the border itself, which is 0 in 31 bits.
        let mut at = scene.open().await;
        assert_eq!(at.append("at").await, Position(border + 1));
        below.append("below").await;
        scene.append("d").await;
        assert_eq!(scene.delivered().await, ["before1", "first1"]);
        let settled = ["before1", "first1", "below1", "c1", "c2", "c3"];
        below.commit().await;
        assert_eq!(scene.delivered().await, settled);
        at.commit().await;
        assert_eq!(scene.delivered().await, [&settled[..], &["at1", "below2", "d1"]].concat());
    }
}

#[tokio::test]
async fn a_floor_that_comes_late_gives_nothing_a_second_time() {
    let mut scene = Scene::new().await;
    for id in ["a", "b", "c"] {
        scene.append(id).await;
    }
    assert_eq!(scene.delivered().await, ["before1", "a1", "b1", "c1"]);
    // An append that has read the sequence before a, b and c, and takes its lock only now.
    let mut late = scene.open().await;
    let first = scene.first;
    late.run(&format!("SELECT pg_advisory_xact_lock_shared('eventsource.events'::regclass::oid::int, {first})")).await;
    let cursor = scene.followers[0].cursor;
    // A connection that has not seen the higher watermark.
    let page = scene.another().await.read(&Read::all().after(cursor.position), &mut |_| Ok(())).await.expect("reads");
    assert_eq!((page.next, page.count, page.at_end), (cursor, 0, true), "{page:?}");
    let mut resumed = scene.followers.clone();
    let another = scene.another().await;
    scene.append("d").await;
    for follower in &mut resumed {
        follower.follow(&another).await.expect("reads");
        assert_eq!(follower.delivered, ["before1", "a1", "b1", "c1"]);
    }
    late.append("e").await;
    late.commit().await;
    assert_eq!(scene.delivered().await, ["before1", "a1", "b1", "c1", "d1", "e1"]);
}

#[tokio::test]
async fn a_reader_that_begins_behind_everything_is_not_carried_past_an_open_append() {
    let scene = Scene::new().await;
    let mut a = scene.open().await;
    a.append("a").await;
    let b = scene.append("b").await;
    for read in [Read::all(), Read::category(CATEGORY), Read::category("other")] {
        let page = scene.store.read(&read.after(Position(b.0 + 1_000)), &mut |_| Ok(())).await.expect("reads");
        assert_eq!((page.next.position, page.count), (scene.first, 0));
    }
    a.commit().await;
}

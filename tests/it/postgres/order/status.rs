//! That an operator learns who holds the readers back.

use super::*;

#[tokio::test]
async fn the_status_names_process_and_age_of_who_holds_the_watermark_back() {
    let scene = Scene::new().await;
    let status = scene.store.status().await.expect("answers");
    assert_eq!((status.watermark, status.newest), (scene.first, scene.first));
    assert!(status.open_appends.is_empty(), "{status:?}");

    let (mut older, mut younger) = (scene.open().await, scene.open().await);
    older.run("SET application_name = 'the older'").await;
    younger.run("SET application_name = 'the younger'").await;
    let place = older.append("older").await;
    younger.append("younger").await;
    let committed = scene.append("committed").await;
    let at_least = Duration::from_millis(20);
    tokio::time::sleep(at_least).await;

    let status = scene.store.status().await.expect("answers");
    assert!(status.watermark < place, "{status:?}");
    assert_eq!(status.newest, scene.first);
    let [first, second] = &status.open_appends[..] else { panic!("{status:?}") };
    assert_eq!((first.pid, second.pid), (Some(older.pid().await), Some(younger.pid().await)));
    assert_eq!(first.application.as_deref(), Some("the older"));
    assert_eq!(first.state.as_deref(), Some("idle in transaction"));
    assert_eq!(first.prepared, None);
    assert!(second.age >= at_least && first.age >= second.age && first.age < PATIENCE, "{status:?}");
    let head = scene.store.head().await.expect("answers");
    assert_eq!(head.newest, scene.first);
    assert!(head.held_back >= first.age && head.held_back < PATIENCE, "{head:?}");

    older.commit().await;
    younger.roll_back().await;
    let status = scene.store.status().await.expect("answers");
    assert!(status.watermark >= committed && status.newest == committed, "{status:?}");
    assert!(status.open_appends.is_empty(), "{status:?}");
    let head = scene.store.head().await.expect("answers");
    assert_eq!((head.newest, head.held_back), (committed, Duration::ZERO));
}

#[tokio::test]
async fn the_status_of_a_serialized_store_is_that_of_its_newest_event() {
    let scene = Scene::with(Ordering::Serialized).await;
    let mut open = scene.open().await;
    open.append("a").await;
    let status = scene.store.status().await.expect("answers");
    assert_eq!((status.ordering, status.watermark, status.newest), (Ordering::Serialized, scene.first, scene.first));
    assert!(status.open_appends.is_empty(), "{status:?}");
}

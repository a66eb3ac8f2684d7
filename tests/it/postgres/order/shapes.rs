//! Every statement that appends holds readers back as long as it is open, whatever it appends.

use futures::FutureExt;

use super::*;

/// Events for each of the streams, of one request or of several.
fn requests(streams: &[&str], count: usize, together: bool) -> Vec<AppendRequest> {
    let events = || (0..count).map(|_| NewEvent::new(NAME, 1, b"{}".to_vec())).collect::<Vec<_>>();
    let stream = |id: &&str| StreamId::new(CATEGORY, id).expect("a stream");
    if together {
        let all = AppendRequest::default();
        return vec![
            streams.iter().fold(all, |all, id| all.and(stream(id), ExpectedVersion::Exact(Version(0)), events())),
        ];
    }
    streams.iter().map(|id| AppendRequest::new(stream(id), ExpectedVersion::Exact(Version(0)), events())).collect()
}

impl Scene {
    /// A row of somebody's who keeps to no rule: it holds nobody back, but who appends the same waits for its end.
    async fn in_the_way_of(&self, stream: &str) -> Open {
        let mut open = self.open().await;
        let row = format!(
            "INSERT INTO eventsource.events (position, stream, version, category, event_id, name, schema_version, encoding, \
             data, occurred_at, recorded_at) SELECT 1000000 + {}, 'order-{stream}', 1, 'order', gen_random_uuid(), \
             'order.happened', 1, 0, '', now(), now()",
            stream.len()
        );
        open.run(&row).await;
        open
    }

    /// Until so many wait for the end of somebody's transaction.
    async fn waits(&self, count: i64) {
        const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                               AND wait_event = 'transactionid'";
        let mut pg = connect(self.database.url()).await;
        let waited = tokio::time::timeout(PATIENCE, async {
            while sqlx::query_scalar::<_, i64>(WAITING).fetch_one(&mut pg).await.expect("answers") != count {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        assert!(waited.await.is_ok(), "{count} should wait");
    }
}

/// Begins them in this order.
fn begin(store: &PgStore, requests: Vec<AppendRequest>) -> Vec<JoinHandle<Position>> {
    let begin = |request: AppendRequest| {
        let store = store.clone();
        let mut append = async move { stored(store.append(Arc::new(request)).await.expect("appends")) }.boxed();
        // What has to wait is in the queue then.
        assert_eq!((&mut append).now_or_never(), None);
        tokio::spawn(append)
    };
    requests.into_iter().map(begin).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_passes_an_append_of_any_shape_that_has_its_first_number() {
    let shapes = [
        ("one event", requests(&["xx"], 1, false)),
        ("events of one stream", requests(&["xx"], 3, false)),
        ("one event of each", requests(&["xx", "yy", "zz"], 1, false)),
        ("events of each", requests(&["xx", "yy", "zz"], 2, false)),
        ("one request to several streams", requests(&["xx", "yy"], 2, true)),
    ];
    for (shape, requests) in shapes {
        let mut scene = Scene::new().await;
        let patient = scene.options.clone().lock_timeout(PATIENCE * 2);
        let store = PgStore::connect_with(scene.database.url(), patient).await.expect("connects");
        // One append is under way, the queue has taken another; what comes then goes together.
        let before = scene.in_the_way_of("w").await;
        let mut appends = begin(&store, self::requests(&["w"], 1, false));
        scene.waits(1).await;
        appends.extend(begin(&store, self::requests(&["u"], 1, false)));
        tokio::task::yield_now().await;
        let rows: usize = requests.iter().flat_map(|request| &request.writes).map(|write| write.events.len()).sum();
        let in_the_way = scene.in_the_way_of("xx").await;
        appends.extend(begin(&store, requests));
        before.roll_back().await;
        // Whether the second goes alone or with the others is open.
        appends.remove(0).await.expect("appends");
        scene.waits(1).await;
        scene.append("later").await;
        let delivered = scene.delivered().await;
        assert!(!delivered.iter().any(|label| label == "later1" || label == "xx1"), "{shape}: {delivered:?}");
        in_the_way.roll_back().await;
        for append in appends {
            append.await.expect("appends");
        }
        assert_eq!(scene.delivered().await.len(), 3 + 1 + rows, "{shape}");
    }
}

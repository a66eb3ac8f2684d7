//! What an error or a value says when it is printed: never a password.

use std::error::Error;

use eventsource::postgres::PgStore;

use super::{database, patient, store_in};

const SECRET: &str = "hunter2Zq";

/// All that logging may print of an error.
fn printed(error: &dyn Error) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        text.push_str(&format!("{error}\n{error:?}\n{error:#?}\n"));
        next = error.source();
    }
    text
}

#[tokio::test]
async fn no_error_of_connecting_shows_the_password() {
    let database = database().await;
    let at = database.address().unwrap();
    let name = database.name();
    let plain = |rest: &str| format!("postgres://postgres:{SECRET}@{rest}");
    let urls = [
        ("a wrong password", plain(&format!("{at}/{name}"))),
        ("an unknown role", format!("postgres://nobody:{SECRET}@{at}/{name}")),
        ("an unknown database", format!("{}?password={SECRET}", database.url().replace(name, "nowhere"))),
        ("a password that is a parameter", format!("postgres://postgres@{at}/{name}?password={SECRET}")),
        ("a closed port", plain("127.0.0.1:1/x")),
        ("an unknown host", plain("no.such.host.invalid/x")),
        ("a server without TLS", plain(&format!("{at}/{name}?sslmode=require"))),
        (
            "a certificate that is not there",
            plain(&format!("{at}/{name}?sslmode=verify-full&sslrootcert=/no/such/{SECRET}")),
        ),
        ("a port that is no number", plain("localhost:many/x")),
        ("a host that is none", plain("[::1/x")),
        ("a mode that is none", plain(&format!("{at}/{name}?sslmode={SECRET}"))),
        ("another scheme", format!("mysql://root:{SECRET}@localhost/x")),
        ("no scheme", format!("root:{SECRET}@localhost/x")),
        ("a key-value address", format!("host=localhost password={SECRET}")),
        ("an unescaped slash", format!("postgres://postgres:{SECRET}/1@localhost/x")),
        ("an unescaped space", format!("postgres://postgres:{SECRET} @local host/x")),
        ("an unescaped percent sign", format!("postgres://postgres:{SECRET}%zz@{at}/x")),
    ];
    for (what, url) in urls {
        for failed in [PgStore::connect(&url).await.err(), PgStore::migrate(&url).await.err()] {
            let error = failed.unwrap_or_else(|| panic!("{what}: connected"));
            let printed = printed(&error);
            assert!(!printed.contains(SECRET), "{what}: {printed}");
        }
    }
}

#[tokio::test]
async fn neither_a_store_nor_its_options_show_the_password() {
    let database = database().await;
    let password = database.url().split([':', '@']).nth(2).unwrap().to_owned();
    assert!(password.len() > 8, "the server of the tests has a password");
    let options = patient();
    let store = store_in(&database, options.clone()).await;
    let printed = format!("{store:?} {store:#?} {options:?} {options:#?} {:?}", store.status().await.unwrap());
    assert!(!printed.contains(&password));
    assert!(printed.contains("eventsource"), "{printed}");
}

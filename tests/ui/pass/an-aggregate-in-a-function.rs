//! Derives inside a function body, where paths to items of the function are all there is.

#![deny(warnings)]

fn main() {
    use eventsource::{Aggregate, Apply, DomainEvent};
    use serde::{Deserialize, Serialize};

    #[derive(DomainEvent, Serialize, Deserialize)]
    #[event(name = "door.opened", version = 1)]
    struct Opened {}

    #[derive(Aggregate, Default, Clone)]
    #[aggregate(name = "door", events(Opened))]
    struct Door {
        open: bool,
    }

    impl Apply<Opened> for Door {
        fn apply(&mut self, _: &Opened) {
            self.open = true;
        }
    }

    let mut door = Door::default();
    door.apply(&DoorEvent::from(Opened {}));
    assert!(door.open);
}

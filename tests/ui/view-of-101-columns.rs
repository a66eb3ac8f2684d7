use eventsource::{DomainEvent, Fold, Recorded, View};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 1)]
struct Opened {}

#[derive(View)]
#[view(name = "balances", version = 1, events(Opened))]
struct Balance {
    #[view(key = stream)]
    account: String,
    c0: i64, c1: i64, c2: i64, c3: i64, c4: i64, c5: i64, c6: i64, c7: i64, c8: i64, c9: i64,
    c10: i64, c11: i64, c12: i64, c13: i64, c14: i64, c15: i64, c16: i64, c17: i64, c18: i64, c19: i64,
    c20: i64, c21: i64, c22: i64, c23: i64, c24: i64, c25: i64, c26: i64, c27: i64, c28: i64, c29: i64,
    c30: i64, c31: i64, c32: i64, c33: i64, c34: i64, c35: i64, c36: i64, c37: i64, c38: i64, c39: i64,
    c40: i64, c41: i64, c42: i64, c43: i64, c44: i64, c45: i64, c46: i64, c47: i64, c48: i64, c49: i64,
    c50: i64, c51: i64, c52: i64, c53: i64, c54: i64, c55: i64, c56: i64, c57: i64, c58: i64, c59: i64,
    c60: i64, c61: i64, c62: i64, c63: i64, c64: i64, c65: i64, c66: i64, c67: i64, c68: i64, c69: i64,
    c70: i64, c71: i64, c72: i64, c73: i64, c74: i64, c75: i64, c76: i64, c77: i64, c78: i64, c79: i64,
    c80: i64, c81: i64, c82: i64, c83: i64, c84: i64, c85: i64, c86: i64, c87: i64, c88: i64, c89: i64,
    c90: i64, c91: i64, c92: i64, c93: i64, c94: i64, c95: i64, c96: i64, c97: i64, c98: i64, c99: i64,
}

impl Fold<Opened> for Balance {
    fn fold(_: &String, row: Option<Self>, _: &Recorded<Opened>) -> Option<Self> {
        row
    }
}

fn main() {}

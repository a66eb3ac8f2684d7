//! What derived code asks of serde, said in the words of whoever forgot a derive.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// An event that can be written: the newest struct of each.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored, because serde cannot write it",
    label = "has no `Serialize`",
    note = "an older struct is only read: list the newest one of the event; a new event needs\n    #[derive(DomainEvent, Serialize, Deserialize)]"
)]
pub trait Written: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> Written for T {}

/// An event that can be read, which every version must be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a store, because serde cannot read it",
    label = "has no `Deserialize`",
    note = "add the derive:\n    #[derive(DomainEvent, Serialize, Deserialize)]"
)]
pub trait ReadBack: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> ReadBack for T {}

/// A state that is written and read as a whole.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot have snapshots, because serde cannot write and read it",
    label = "asks for a state with `Serialize` and `Deserialize`",
    note = "add the derives, or remove `snapshot`:\n    #[derive(Aggregate, Default, Clone, Serialize, Deserialize)]"
)]
pub trait Snapshotted: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Snapshotted for T {}

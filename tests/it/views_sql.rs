//! Tables of views as people with SQL see them, and what each database adds to what the book says of them.

mod sqlite;
pub(crate) mod tables;

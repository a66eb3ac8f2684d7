//! Schemas beside serde: what it writes has the shape, and what has the shape it reads.

mod json;
mod shapes;

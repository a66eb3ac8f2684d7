//! Lists, sets, maps and tuples of std.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};

use eventsource_schema::Shape;

use super::EventSchema;

macro_rules! lists {
    ($([$($generics:tt)*] $ty:ty;)+) => {$(
        impl<T: EventSchema $($generics)*> EventSchema for $ty {
            const SHAPE: &'static Shape = &Shape::List(T::SHAPE);
        }
    )+};
}

lists! {
    [] [T];
    [] Vec<T>;
    [] VecDeque<T>;
    [] LinkedList<T>;
    [] BinaryHeap<T>;
    [] BTreeSet<T>;
    [, S] HashSet<T, S>;
}

impl<T: EventSchema, const N: usize> EventSchema for [T; N] {
    const SHAPE: &'static Shape = &Shape::Array(T::SHAPE, N);
}

impl<K: EventSchema, V: EventSchema> EventSchema for BTreeMap<K, V> {
    const SHAPE: &'static Shape = &Shape::Map { key: K::SHAPE, value: V::SHAPE };
}

impl<K: EventSchema, V: EventSchema, S> EventSchema for HashMap<K, V, S> {
    const SHAPE: &'static Shape = &Shape::Map { key: K::SHAPE, value: V::SHAPE };
}

macro_rules! tuples {
    ($($($element:ident)+;)+) => {$(
        impl<$($element: EventSchema),+> EventSchema for ($($element,)+) {
            const SHAPE: &'static Shape = &Shape::Tuple(&[$($element::SHAPE),+]);
        }
    )+};
}

tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
    A B C D E F G H I;
    A B C D E F G H I J;
    A B C D E F G H I J K;
    A B C D E F G H I J K L;
}

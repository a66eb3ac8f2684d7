//! What a decision may return.

use std::convert::Infallible;

use super::aggregate::Aggregate;

/// What a decision may return: an event of the aggregate, an `Option`, `Vec`, array or tuple of
/// them (`()` is none), or a `Result` of one of these whose error is the refusal.
///
/// The derive of the aggregate implements it for each event and for their enum.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a decision of `{A}`",
    note = "a decision is an event listed in `events(…)` of `{A}`, an `Option`, `Vec`, array or tuple of them, or a `Result` of one of these"
)]
pub trait IntoEvents<A: Aggregate> {
    /// What the domain says when it says no; `Infallible` where it cannot.
    type Refusal;

    /// Adds the events in order, or refuses and adds none that will be stored.
    fn into_events(self, events: &mut Vec<A::Event>) -> Result<(), Self::Refusal>;
}

impl<A, T, R> IntoEvents<A> for Result<T, R>
where
    A: Aggregate,
    T: IntoEvents<A, Refusal = Infallible>,
{
    type Refusal = R;

    fn into_events(self, events: &mut Vec<A::Event>) -> Result<(), R> {
        add(self?, events);
        Ok(())
    }
}

/// Adds the events of something that cannot refuse.
fn add<A: Aggregate>(decision: impl IntoEvents<A, Refusal = Infallible>, events: &mut Vec<A::Event>) {
    let Ok(()) = decision.into_events(events);
}

macro_rules! collection {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {
        $(impl<A, T, $($generics)*> IntoEvents<A> for $type
        where
            A: Aggregate,
            T: IntoEvents<A, Refusal = Infallible>,
        {
            type Refusal = Infallible;

            fn into_events(self, events: &mut Vec<A::Event>) -> Result<(), Infallible> {
                self.into_iter().for_each(|event| add(event, events));
                Ok(())
            }
        })*
    };
}

collection!([] Option<T>, [] Vec<T>, [const N: usize] [T; N]);

macro_rules! tuple {
    ($($name:ident)*) => {
        impl<A, $($name),*> IntoEvents<A> for ($($name,)*)
        where
            A: Aggregate,
            $($name: IntoEvents<A, Refusal = Infallible>,)*
        {
            type Refusal = Infallible;

            #[allow(non_snake_case, unused_variables)]
            fn into_events(self, events: &mut Vec<A::Event>) -> Result<(), Infallible> {
                let ($($name,)*) = self;
                $(add($name, events);)*
                Ok(())
            }
        }
    };
}

tuple!();
tuple!(T1);
tuple!(T1 T2);
tuple!(T1 T2 T3);
tuple!(T1 T2 T3 T4);
tuple!(T1 T2 T3 T4 T5);
tuple!(T1 T2 T3 T4 T5 T6);

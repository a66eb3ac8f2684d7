//! What a command on several aggregates is made of, and what may be decided on it.

use std::convert::Infallible;

use crate::folding::aggregate::Aggregate;
use crate::folding::decision::IntoEvents;
use crate::runtime::execute::Executed;
use crate::runtime::options::ExecuteOptions;
use crate::words::error::StoreError;

use super::Part;
use super::seat::{Member, Seat};

/// Aggregates on which one decision is made: a tuple of two to six [`Part`]s, or a `Vec` of parts of one type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not several aggregates",
    note = "write a tuple of two to six parts, `(accounts.part(\"alice\"), orders.part(\"4711\"))`, or a `Vec` of parts of one type"
)]
pub trait Parts: Sized {
    /// What the decision is made on: a reference to the state of each.
    type States<'s>;
    /// What comes of it: an [`Executed`] for each.
    type Executed;

    #[doc(hidden)]
    type Seats;
    #[doc(hidden)]
    fn into_seats(self, options: &ExecuteOptions) -> Result<Self::Seats, StoreError>;
    #[doc(hidden)]
    fn members(seats: &mut Self::Seats) -> Vec<&mut dyn Member>;
    #[doc(hidden)]
    fn states(seats: &Self::Seats) -> Self::States<'_>;
    #[doc(hidden)]
    fn executed(seats: Self::Seats) -> Self::Executed;
}

/// What a decision on several aggregates may return: for each, in their order, what a [decision](IntoEvents) on it may be, as a
/// tuple, or as a `Vec` where the parts are one. `()`, `None` and an empty `Vec` are nothing, and then it is
/// only read. Or a `Result` of all this, whose error is the refusal.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a decision of all of `{P}`",
    note = "a decision on several aggregates is a tuple, or a `Vec`, with a decision of each in their order, `()` for nothing, or a `Result` of that"
)]
pub trait IntoAllEvents<P: Parts> {
    /// What the domain says when it says no; `Infallible` where it cannot.
    type Refusal;

    #[doc(hidden)]
    fn into_all_events(self, seats: &mut P::Seats) -> Result<(), Self::Refusal>;
}

impl<P, T, R> IntoAllEvents<P> for Result<T, R>
where
    P: Parts,
    T: IntoAllEvents<P, Refusal = Infallible>,
{
    type Refusal = R;

    fn into_all_events(self, seats: &mut P::Seats) -> Result<(), R> {
        let Ok(()) = self?.into_all_events(seats);
        Ok(())
    }
}

fn decide<A: Aggregate>(seat: &mut Seat<A>, decision: impl IntoEvents<A, Refusal = Infallible>) {
    let mut events = Vec::new();
    let Ok(()) = decision.into_events(&mut events);
    seat.decide(events);
}

macro_rules! tuple {
    ($($aggregate:ident $decision:ident $seat:ident)*) => {
        impl<$($aggregate: Aggregate),*> Parts for ($(Part<$aggregate>,)*) {
            type States<'s> = ($(&'s $aggregate,)*);
            type Executed = ($(Executed<$aggregate>,)*);
            type Seats = ($(Seat<$aggregate>,)*);

            fn into_seats(self, options: &ExecuteOptions) -> Result<Self::Seats, StoreError> {
                let ($($seat,)*) = self;
                Ok(($(Seat::new($seat, options)?,)*))
            }

            fn members(($($seat,)*): &mut Self::Seats) -> Vec<&mut dyn Member> {
                vec![$($seat),*]
            }

            fn states(($($seat,)*): &Self::Seats) -> Self::States<'_> {
                ($($seat.state(),)*)
            }

            fn executed(($($seat,)*): Self::Seats) -> Self::Executed {
                ($($seat.into_executed(),)*)
            }
        }

        impl<$($aggregate, $decision),*> IntoAllEvents<($(Part<$aggregate>,)*)> for ($($decision,)*)
        where
            $($aggregate: Aggregate, $decision: IntoEvents<$aggregate, Refusal = Infallible>,)*
        {
            type Refusal = Infallible;

            #[allow(non_snake_case)]
            fn into_all_events(self, ($($seat,)*): &mut ($(Seat<$aggregate>,)*)) -> Result<(), Infallible> {
                let ($($decision,)*) = self;
                $(decide($seat, $decision);)*
                Ok(())
            }
        }
    };
}

tuple!(A1 D1 s1 A2 D2 s2);
tuple!(A1 D1 s1 A2 D2 s2 A3 D3 s3);
tuple!(A1 D1 s1 A2 D2 s2 A3 D3 s3 A4 D4 s4);
tuple!(A1 D1 s1 A2 D2 s2 A3 D3 s3 A4 D4 s4 A5 D5 s5);
tuple!(A1 D1 s1 A2 D2 s2 A3 D3 s3 A4 D4 s4 A5 D5 s5 A6 D6 s6);

impl<A: Aggregate> Parts for Vec<Part<A>> {
    type States<'s> = Vec<&'s A>;
    type Executed = Vec<Executed<A>>;
    type Seats = Vec<Seat<A>>;

    fn into_seats(self, options: &ExecuteOptions) -> Result<Self::Seats, StoreError> {
        self.into_iter().map(|part| Seat::new(part, options)).collect()
    }

    fn members(seats: &mut Self::Seats) -> Vec<&mut dyn Member> {
        seats.iter_mut().map(|seat| seat as &mut dyn Member).collect()
    }

    fn states(seats: &Self::Seats) -> Self::States<'_> {
        seats.iter().map(Seat::state).collect()
    }

    fn executed(seats: Self::Seats) -> Self::Executed {
        seats.into_iter().map(Seat::into_executed).collect()
    }
}

impl<A, D> IntoAllEvents<Vec<Part<A>>> for Vec<D>
where
    A: Aggregate,
    D: IntoEvents<A, Refusal = Infallible>,
{
    type Refusal = Infallible;

    fn into_all_events(self, seats: &mut Vec<Seat<A>>) -> Result<(), Infallible> {
        // One too few or too many, and nobody knows whose each is: then none is anybody's, and the command ends with an error.
        if self.len() == seats.len() {
            seats.iter_mut().zip(self).for_each(|(seat, decision)| decide(seat, decision));
        }
        Ok(())
    }
}

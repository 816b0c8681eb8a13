//! Tests of the judgement on snapshots made by hand.

mod causes;
mod duty;
mod files;
mod fixpoint;
mod folded;
mod golden;
mod grammar;
mod held;
mod identity;
mod ignores;
mod joins;
mod leftovers;
mod lock_order;
mod misuse;
mod names;
mod outside;
mod owners;
mod properties;
mod scopes;
mod sleep;
mod stacks;
mod support;
mod suppressions;
mod tenure;

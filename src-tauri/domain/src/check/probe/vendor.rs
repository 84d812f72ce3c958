//! How we stand with a vendor.

use crate::plan::{id::Id, read::table};

table! {
    /// `vendor`: asks a vendor's interface for what takes the fewest rights, and tells apart whether it can be reached,
    /// whether it accepts our credential, and whether what we need it for works. Nothing of a customer is read, and
    /// nothing is sent to anybody.
    pub struct VendorProbe {
        /// The endpoint's name in the environment; its kind is the vendor.
        pub endpoint: Id,
    }
}

fn main() {
    // `sqlx::migrate!` reads the folder when it compiles; Cargo does not see that by itself.
    println!("cargo::rerun-if-changed=migrations");
}

//! The database referees; its whistle is translated by the constraint's name.

/// Turns the violation of a named constraint into a refusal.
pub trait OnConstraint<T, E> {
    /// # Errors
    /// What `refusal` makes when the named constraint was violated, otherwise the database's error.
    fn on_constraint(self, name: &str, refusal: impl FnOnce() -> E) -> Result<T, E>;
}

impl<T, E: From<sqlx::Error>> OnConstraint<T, E> for Result<T, sqlx::Error> {
    fn on_constraint(self, name: &str, refusal: impl FnOnce() -> E) -> Result<T, E> {
        self.map_err(|error| match error.as_database_error() {
            Some(violated) if violated.constraint() == Some(name) => refusal(),
            _ => error.into(),
        })
    }
}

/// Whether an error is the violation of the named constraint; for statements that can break more than one.
pub fn violates(error: &sqlx::Error, name: &str) -> bool {
    error.as_database_error().is_some_and(|violated| violated.constraint() == Some(name))
}

//! Commands within a transaction of the backend's own.

use std::fmt;
use std::marker::PhantomData;

use super::Engine;
use super::execute::{Checked, no_answer};
use super::permission;
use super::scope::ScopedCommand;
use crate::store::within::Joins;
use crate::store::{Append, Atomicity, ExecuteError, Receipt, Request, Store};

/// Commands that join a transaction of the backend's: they are committed or rolled back with
/// whatever else it does.
///
/// Where the transaction blocks, so do they, and answer at once; otherwise they are awaited.
#[must_use = "it does nothing without a command"]
pub struct Within<'e, S, T, K> {
    engine: &'e Engine<S>,
    transaction: T,
    library: PhantomData<fn() -> K>,
}

impl<S: Store> Engine<S> {
    /// Commands within this transaction, which is on the store's own database.
    ///
    /// A command is decided on what the transaction sees, and answered before it is committed: with
    /// the receipt of an event that is recorded if the transaction is. Its deliveries and its
    /// idempotency key are part of it. What is refused changes nothing, and the transaction goes
    /// on; but its key remembers the refusal if the transaction is committed.
    ///
    /// A future that is dropped before it answers leaves it open what of its call was carried out:
    /// the transaction is to be rolled back. With SQLite, a command changes what
    /// `last_insert_rowid` and `changes` say of the connection.
    ///
    /// After the commit, [`wake`](Self::wake) lets dispatchers and followers of this store look at
    /// once; without it, they look after their usual pause.
    ///
    #[cfg_attr(feature = "sqlite", doc = "```")]
    #[cfg_attr(not(feature = "sqlite"), doc = "```ignore")]
    /// # use certificate_lifecycle::engine::Engine;
    /// # use certificate_lifecycle::store::{Actor, InstitutionId, Request, SqliteStore};
    /// # use certificate_lifecycle::{
    /// #     ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle, VaultUpload,
    /// # };
    /// use rusqlite::{Connection, TransactionBehavior};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("issuer.db");
    /// # let details = ApplicationDetails::new(ApplicationId::new(42)?, uuid::Uuid::nil(),
    /// #     CertificateTitle::new("Certificate of Achievement")?,
    /// #     ApplicantEmail::new("john@example.com")?);
    /// # let institution = InstitutionId::new("example-university")?;
    /// # let jane = Actor::administrator("jane")?;
    /// let engine = Engine::new(SqliteStore::open(&path)?);
    /// let mut connection = Connection::open(&path)?;
    /// connection.execute("CREATE TABLE upload (uuid TEXT, scan TEXT)", [])?;
    ///
    /// let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    /// let upload = engine.scope(&institution, &jane).upload(details, VaultUpload::Single);
    /// let receipt = upload.within(&transaction)?;
    /// let uuid = receipt.event.uuid().to_string();
    /// transaction.execute("INSERT INTO upload VALUES (?1, 'scan-7.pdf')", [uuid])?;
    /// transaction.commit()?;
    /// engine.wake();
    /// # Ok(())
    /// # }
    /// ```
    pub const fn within<T: Joins<S, K>, K>(&self, transaction: T) -> Within<'_, S, T, K> {
        Within {
            engine: self,
            transaction,
            library: PhantomData,
        }
    }

    /// Tells dispatchers and followers of this store, in this process, that something was
    /// committed which did not go through this engine: transactions that commands were
    /// [within](Self::within).
    pub fn wake(&self) {
        self.store.wake();
    }
}

impl<S: Store, T: Joins<S, K>, K> Within<'_, S, T, K> {
    /// Carries out one command, as [`Engine::execute`] does.
    ///
    /// # Errors
    /// [`ExecuteError::Refused`] says why, and nothing was changed. After [`ExecuteError::Store`]
    /// the transaction is to be rolled back, and may be tried again if the error is
    /// [`Unavailable`](crate::store::StoreError::Unavailable).
    pub fn execute(self, request: Request) -> T::Answer<Result<Receipt, ExecuteError>> {
        if let Err(refusal) = permission::check(&request) {
            return self.transaction.known(Err(refusal.into()));
        }
        let now = self.engine.clock.now();
        let batch = vec![Append { request, now }];
        self.carry_out(batch, Atomicity::Each, |mut answers| {
            answers.pop().unwrap_or_else(no_answer)
        })
    }

    /// Carries out many commands, each for itself, as [`Engine::execute_many`] does.
    pub fn execute_many(
        self,
        requests: Vec<Request>,
    ) -> T::Answer<Vec<Result<Receipt, ExecuteError>>> {
        let (batch, checked) = Checked::each(requests, self.engine.clock.now());
        self.carry_out(batch, Atomicity::Each, |answers| checked.answers(answers))
    }

    /// Carries out all of the commands or, if one is refused, none, as [`Engine::execute_all`]
    /// does. Whatever else the transaction has done stays.
    pub fn execute_all(
        self,
        requests: Vec<Request>,
    ) -> T::Answer<Vec<Result<Receipt, ExecuteError>>> {
        let (batch, checked) = Checked::all(requests, self.engine.clock.now());
        self.carry_out(batch, Atomicity::All, |answers| checked.answers(answers))
    }

    fn carry_out<A: Send + 'static>(
        self,
        batch: Vec<Append>,
        atomicity: Atomicity,
        answer: impl FnOnce(Vec<Result<Receipt, ExecuteError>>) -> A + Send + 'static,
    ) -> T::Answer<A> {
        let store = self.engine.store.clone();
        self.transaction.append(store, batch, atomicity, answer)
    }
}

impl<S: Store> ScopedCommand<'_, S> {
    /// Carries out the command within a transaction of the backend's; see [`Engine::within`].
    ///
    /// # Errors
    /// See [`Within::execute`].
    pub fn within<T: Joins<S, K>, K>(
        self,
        transaction: T,
    ) -> T::Answer<Result<Receipt, ExecuteError>> {
        let (engine, request) = self.into_parts();
        engine.within(transaction).execute(request)
    }
}

impl<S, T, K> fmt::Debug for Within<'_, S, T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Within").finish_non_exhaustive()
    }
}

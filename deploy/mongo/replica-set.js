// Run by mongosh as the health check of the one-member replica set: initiates it on its first run and
// exits with 0 once this member accepts writes.
if (!db.hello().setName) {
  try {
    rs.initiate({ _id: 'rs0', members: [{ _id: 0, host: 'mongo:27017' }] });
  } catch (error) {
    // The member still loads its configuration (AlreadyInitialized); the next check finds it.
    print(error.message);
  }
}
quit(db.hello().isWritablePrimary ? 0 : 1);

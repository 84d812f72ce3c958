//! The object store: S3 in this process over a folder, with signatures really checked. A bucket is a folder; what the
//! range lays out itself it writes there directly, each file with the time of its upload.

use std::{fs, path::Path};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

use crate::{
    data::{BACKUPS, MEDIA},
    error::RangeError,
    listener::Listening,
};

/// Makes the two buckets, empty.
pub(crate) fn create_buckets(root: &Path) -> Result<(), RangeError> {
    for bucket in [MEDIA, BACKUPS] {
        let path = root.join(bucket);
        fs::create_dir(&path).map_err(RangeError::file("create", path))?;
    }
    Ok(())
}

/// Serves the buckets below a folder to whoever signs with this key.
pub(crate) fn serve(
    listener: TcpListener,
    root: &Path,
    access_key: &str,
    secret_key: &str,
) -> Result<Listening, RangeError> {
    let files = FileSystem::new(root).map_err(|error| RangeError::File {
        what: "open",
        path: root.to_owned(),
        source: std::io::Error::other(format!("{error:?}")),
    })?;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(access_key, secret_key));
    let service = builder.build();
    Listening::start(listener, move |stream| {
        let service = service.clone();
        async move {
            let server = Builder::new(TokioExecutor::new());
            if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%error, "a connection to the object store broke");
            }
        }
    })
    .map_err(RangeError::file("listen for", root))
}

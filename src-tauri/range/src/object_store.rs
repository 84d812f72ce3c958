//! The object store: S3 in this process over a folder, with signatures really checked. A bucket is a folder; what the
//! range lays out itself it writes there directly, each file with the time of its upload.
//!
//! Everything is answered by `s3s-fs` but plain listings and the settings of a bucket. For a listing it looks at every
//! file of the bucket for each page, which makes a check of the newest object take seconds where a real store takes
//! milliseconds; settings it has none, so they are told from [`crate::bucket_settings`].

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{
    S3, S3Request, S3Response, S3Result,
    auth::SimpleAuth,
    dto::{ListObjectsV2Input, ListObjectsV2Output, Object},
    s3_error,
    service::S3ServiceBuilder,
};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

use crate::{
    bucket_settings::Settings,
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
    settings: Arc<Settings>,
    (access_key, secret_key): (&str, &str),
) -> Result<Listening, RangeError> {
    let files = FileSystem::new(root).map_err(|error| RangeError::File {
        what: "open",
        path: root.to_owned(),
        source: std::io::Error::other(format!("{error:?}")),
    })?;
    let mut builder = S3ServiceBuilder::new(Store { root: root.to_owned(), files, settings });
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

/// The store over its folder.
#[derive(Debug)]
struct Store {
    root: PathBuf,
    files: FileSystem,
    settings: Arc<Settings>,
}

impl Store {
    /// Nobody tells the settings of a bucket that is not there.
    fn there(&self, bucket: &str) -> S3Result<()> {
        if self.root.join(bucket).is_dir() { Ok(()) } else { Err(s3_error!(NoSuchBucket)) }
    }
}

/// The most keys on a page, as S3 has it.
const PAGE: usize = 1_000;

/// Hands operations on to the store over files as they are, and tells the settings of buckets.
macro_rules! as_files_do {
    (
        $($operation:ident($input:ident) -> $output:ident),* $(,)?;
        settings $($setting:ident($asked:ident) -> $told:ident),* $(,)?
    ) => {
        #[async_trait::async_trait]
        impl S3 for Store {
            $(
                async fn $operation(
                    &self,
                    request: S3Request<s3s::dto::$input>,
                ) -> S3Result<S3Response<s3s::dto::$output>> {
                    self.files.$operation(request).await
                }
            )*

            $(
                async fn $setting(
                    &self,
                    request: S3Request<s3s::dto::$asked>,
                ) -> S3Result<S3Response<s3s::dto::$told>> {
                    self.there(&request.input.bucket)?;
                    self.settings.$setting(request).await
                }
            )*

            async fn list_objects_v2(
                &self,
                request: S3Request<ListObjectsV2Input>,
            ) -> S3Result<S3Response<ListObjectsV2Output>> {
                if request.input.delimiter.is_some() {
                    return self.files.list_objects_v2(request).await;
                }
                let bucket = self.root.join(&request.input.bucket);
                let listed = tokio::task::spawn_blocking(move || page(&bucket, request.input)).await;
                match listed {
                    Ok(Ok(output)) => Ok(S3Response::new(output)),
                    Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Err(s3_error!(NoSuchBucket)),
                    Ok(Err(error)) => Err(s3_error!(error, InternalError)),
                    Err(error) => Err(s3_error!(error, InternalError)),
                }
            }
        }
    };
}

as_files_do! {
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput,
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput,
    copy_object(CopyObjectInput) -> CopyObjectOutput,
    create_bucket(CreateBucketInput) -> CreateBucketOutput,
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput,
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput,
    delete_object(DeleteObjectInput) -> DeleteObjectOutput,
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput,
    get_object(GetObjectInput) -> GetObjectOutput,
    head_object(HeadObjectInput) -> HeadObjectOutput,
    list_buckets(ListBucketsInput) -> ListBucketsOutput,
    list_objects(ListObjectsInput) -> ListObjectsOutput,
    list_parts(ListPartsInput) -> ListPartsOutput,
    put_object(PutObjectInput) -> PutObjectOutput,
    upload_part(UploadPartInput) -> UploadPartOutput,
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput;
    settings
    get_bucket_encryption(GetBucketEncryptionInput) -> GetBucketEncryptionOutput,
    get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput) -> GetBucketLifecycleConfigurationOutput,
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput,
    get_bucket_replication(GetBucketReplicationInput) -> GetBucketReplicationOutput,
    get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput,
    get_object_lock_configuration(GetObjectLockConfigurationInput) -> GetObjectLockConfigurationOutput,
    get_public_access_block(GetPublicAccessBlockInput) -> GetPublicAccessBlockOutput,
    head_bucket(HeadBucketInput) -> HeadBucketOutput,
}

/// One page of a bucket in the order of keys: names of all files are read, but only the page's files are looked at.
fn page(bucket: &Path, input: ListObjectsV2Input) -> io::Result<ListObjectsV2Output> {
    let prefix = input.prefix.as_deref().unwrap_or("");
    let after = input.continuation_token.as_deref().max(input.start_after.as_deref());
    let most = input.max_keys.and_then(|keys| usize::try_from(keys).ok()).unwrap_or(PAGE).min(PAGE);
    let mut keys = Vec::new();
    keys_below(bucket, "", prefix, &mut keys)?;
    keys.retain(|key| after.is_none_or(|after| key.as_str() > after));
    keys.sort_unstable();
    let truncated = keys.len() > most;
    keys.truncate(most);
    let mut objects = Vec::with_capacity(keys.len());
    for key in &keys {
        // A file that went away meanwhile is not listed, as in any store.
        let Ok(metadata) = fs::metadata(bucket.join(key)) else { continue };
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        objects.push(Object {
            key: Some(key.clone()),
            last_modified: Some(modified.into()),
            size: i64::try_from(metadata.len()).ok(),
            ..Object::default()
        });
    }
    Ok(ListObjectsV2Output {
        key_count: i32::try_from(objects.len()).ok(),
        max_keys: i32::try_from(most).ok(),
        is_truncated: Some(truncated),
        next_continuation_token: keys.last().filter(|_| truncated).cloned(),
        contents: Some(objects),
        name: Some(input.bucket),
        prefix: input.prefix,
        continuation_token: input.continuation_token,
        start_after: input.start_after,
        ..ListObjectsV2Output::default()
    })
}

/// Every key below a folder that may begin with the prefix.
fn keys_below(folder: &Path, above: &str, prefix: &str, keys: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let key = format!("{above}{name}");
        if entry.file_type()?.is_dir() {
            let inside = format!("{key}/");
            if inside.starts_with(prefix) || prefix.starts_with(&inside) {
                keys_below(&entry.path(), &inside, prefix, keys)?;
            }
        } else if key.starts_with(prefix) {
            keys.push(key);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_in_the_order_of_keys() {
        let bucket = tempfile::tempdir().unwrap();
        let mut wanted = Vec::new();
        for number in 0..25 {
            let key = format!("day-{}/object {number:02}", number % 3);
            let path = bucket.path().join(&key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
            wanted.push(key);
        }
        fs::write(bucket.path().join("elsewhere"), "x").unwrap();
        wanted.sort_unstable();
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let input = ListObjectsV2Input {
                prefix: Some("day-".to_owned()),
                max_keys: Some(10),
                continuation_token: token.take(),
                ..ListObjectsV2Input::default()
            };
            let output = page(bucket.path(), input).unwrap();
            found.extend(output.contents.unwrap().into_iter().filter_map(|object| object.key));
            token = output.next_continuation_token;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(found, wanted);
        assert!(page(&bucket.path().join("gone"), ListObjectsV2Input::default()).is_err());
    }
}

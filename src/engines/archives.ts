/**
 * The archives that may be downloaded: one per program and platform, with its SHA-256 from the publisher's list. A new
 * version needs new hashes. A platform without a hash has no download.
 */
/** The version to download. temporal-cli/go.mod builds the same version. */
export const TEMPORAL_VERSION = '1.5.1';
/** The Linux build is for Ubuntu 22.04. It needs glibc 2.35, OpenSSL 3 and libcurl 4, and also runs on Debian 12. */
export const MONGOD_VERSION = '8.0.32';

export interface Archive {
  url: string;
  sha256: string;
  /** Path of the program in the archive, without the first `stripped` folders. */
  program: string;
  stripped: number;
}

const TEMPORAL = `https://github.com/temporalio/cli/releases/download/v${TEMPORAL_VERSION}/temporal_cli_${TEMPORAL_VERSION}`;
const MONGODB = 'https://fastdl.mongodb.org';

const ARCHIVES: Record<'temporal' | 'mongod', Record<string, { url: string; sha256: string }>> = {
  temporal: {
    'linux-x64': {
      url: `${TEMPORAL}_linux_amd64.tar.gz`,
      sha256: 'ddc95e08b0b076efd4ea9733a3f488eb7d2be875f8834e616cd2a37358b4852d',
    },
    'linux-arm64': {
      url: `${TEMPORAL}_linux_arm64.tar.gz`,
      sha256: 'bd1b0db9f18b051026de8bf6cc1505f2510f14bbb7a8b9a4a91fff46c77454f5',
    },
    'darwin-x64': {
      url: `${TEMPORAL}_darwin_amd64.tar.gz`,
      sha256: 'bbb73e2a31135abe50a1f1cdb35030c42961df618e8ce9c60ae89f201540c5d9',
    },
    'darwin-arm64': {
      url: `${TEMPORAL}_darwin_arm64.tar.gz`,
      sha256: 'cca01b7ea35ad56e2a328d9ae596bf716bd22313ef63c7a761c88354457c2415',
    },
  },
  mongod: {
    'linux-x64': {
      url: `${MONGODB}/linux/mongodb-linux-x86_64-ubuntu2204-${MONGOD_VERSION}.tgz`,
      sha256: '41da8d92dde2896ebda278cf296ae86462da6b39eda81ce6ce4fb9ce819adb2e',
    },
    'linux-arm64': {
      url: `${MONGODB}/linux/mongodb-linux-aarch64-ubuntu2204-${MONGOD_VERSION}.tgz`,
      sha256: '7411bc9efef53346a26e67241ca9db9926c30b7a056e2515068223b497682c81',
    },
    'darwin-x64': {
      url: `${MONGODB}/osx/mongodb-macos-x86_64-${MONGOD_VERSION}.tgz`,
      sha256: '4073d96f1a83ecae289997cb1f9ace5258a740fdb9b8b06ee00098ec342d1bce',
    },
    'darwin-arm64': {
      url: `${MONGODB}/osx/mongodb-macos-arm64-${MONGOD_VERSION}.tgz`,
      sha256: 'f81cb258434d548dca7244d599c82eb339043d8dedd0b1b807870c9d263117f2',
    },
  },
};

/** Returns a key of the archives, such as `linux-x64` or `darwin-arm64`. */
export function thisPlatform(): string {
  return `${process.platform}-${process.arch}`;
}

/** @throws if no SHA-256 is known for the platform; the message names the remedy */
export function archiveOf(program: 'temporal' | 'mongod', platform: string): Archive {
  const archive = ARCHIVES[program][platform];
  if (archive === undefined) {
    throw new Error(
      `no checksum is known for ${program} on ${platform}, so it is not downloaded. Install ${program} on PATH`,
    );
  }
  return program === 'temporal'
    ? { ...archive, program: 'temporal', stripped: 0 }
    : { ...archive, program: 'bin/mongod', stripped: 1 };
}

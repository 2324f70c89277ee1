// The interfaces of the world, as the engine offers them: a `result` is a value, or a throw.
declare module "wasi:keyvalue/store@0.2.0-draft2" {
  export class Bucket {
    get(key: string): Uint8Array | undefined;
    set(key: string, value: Uint8Array): void;
    exists(key: string): boolean;
    listKeys(cursor: string | undefined): { keys: string[]; cursor?: string };
  }
  export function open(identifier: string): Bucket;
}

declare module "wasi:keyvalue/batch@0.2.0-draft2" {
  import type { Bucket } from "wasi:keyvalue/store@0.2.0-draft2";
  export function getMany(bucket: Bucket, keys: string[]): [string, Uint8Array | undefined][];
}

declare module "wasi:config/store@0.2.0-rc.1" {
  export function get(key: string): string | undefined;
}

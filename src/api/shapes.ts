/**
 * The shapes of a request as data: what a member may hold and what its constraints are. The codec (json.ts)
 * reads types, validation (validate.ts) reads constraints; neither knows an operation.
 *
 * Source: Smithy 2.0, simple and aggregate shapes and constraint traits, as the AWS KMS model uses them.
 */

/** Both ends inclusive. */
export interface Range {
  readonly min?: number;
  readonly max?: number;
}

interface Traits {
  /** The value is a secret: no message repeats it. */
  readonly sensitive?: true;
}

export interface StringShape extends Traits {
  readonly type: 'string';
  /** In Unicode characters, not UTF-16 code units. */
  readonly length?: Range;
  /** Printed in messages by its source. */
  readonly pattern?: RegExp;
  /** The only values allowed. */
  readonly values?: readonly string[];
}

/** Octets; base64 on the wire. */
export interface BlobShape extends Traits {
  readonly type: 'blob';
  /** In bytes. */
  readonly length?: Range;
}

/** 32 bits, signed. */
export interface IntegerShape extends Traits {
  readonly type: 'integer';
  readonly range?: Range;
}

export interface BooleanShape extends Traits {
  readonly type: 'boolean';
}

/** Seconds since the epoch on the wire, a Date in here. */
export interface TimestampShape extends Traits {
  readonly type: 'timestamp';
}

export interface ListShape extends Traits {
  readonly type: 'list';
  readonly member: Shape;
  /** Number of members. */
  readonly length?: Range;
}

/** Becomes an array of [key, value] pairs, never an object: `__proto__` is a key like any other. */
export interface MapShape extends Traits {
  readonly type: 'map';
  readonly value: StringShape;
  /** Number of entries. */
  readonly length?: Range;
}

export interface Member {
  readonly shape: Shape;
  readonly required?: true;
}

export interface StructureShape extends Traits {
  readonly type: 'structure';
  /** In the model's order, which is the order errors are told in. */
  readonly members: Readonly<Record<string, Member>>;
}

export type Shape =
  | StringShape
  | BlobShape
  | IntegerShape
  | BooleanShape
  | TimestampShape
  | ListShape
  | MapShape
  | StructureShape;

/** What a string map becomes. Order is the sender's; keys are unique. */
export type Entries = readonly (readonly [key: string, value: string])[];

/** A request member as the SDK types it, turned into what the codec makes of it. */
export type Value<T> = T extends string | number | boolean | Date | Uint8Array
  ? T
  : T extends readonly (infer M)[]
    ? readonly Value<M>[]
    : T extends Record<string, string>
      ? string extends keyof T
        ? Entries
        : { readonly [K in keyof T]: Value<T[K]> }
      : { readonly [K in keyof T]: Value<T[K]> };

/** A request after validation: required members are there, optional ones may be absent. */
export type RequestInput<Request, Required extends keyof Request = never> = {
  readonly [K in Required]-?: Value<NonNullable<Request[K]>>;
} & {
  readonly [K in Exclude<keyof Request, Required>]?: Value<NonNullable<Request[K]>>;
};

/** The shape of one operation's request; parsing and validating gives a `T`. */
export interface InputShape<T> extends StructureShape {
  /** Never set: carries the type. */
  readonly input?: T;
}

/** The input shapes of a family of operations, by name. */
export type Inputs<Family extends { readonly [N in keyof Family]: { readonly input: unknown } }> = {
  readonly [N in keyof Family]: InputShape<Family[N]['input']>;
};

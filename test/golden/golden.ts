/** What stands beside a golden back-up: what its keys made when it was made. Octets are base64. */
export interface Golden {
  readonly message: string;
  readonly encryptionContext: Readonly<Record<string, string>>;
  /** KeyIds. */
  readonly keys: Readonly<Record<'symmetric' | 'mac' | 'signing', string>>;
  readonly blob: string;
  readonly mac: string;
  readonly signature: string;
}

/**
 * Every error a caller can receive, in one table: the exceptions of the AWS KMS model and those of the
 * framework around it, each with its status on the wire and whether a client should try again.
 *
 * The wire status is what AWS KMS was recorded to send: 400 for every client error (the model's 404, 409
 * and 412 never appear), 500 for faults of the service.
 */

interface ExceptionRow {
  readonly httpStatus: number;
  /** The same request may succeed later: SDKs retry these. */
  readonly retryable: boolean;
}

/** Client errors of the KMS model. */
const modelClientErrors = [
  'AlreadyExistsException',
  'CloudHsmClusterInUseException',
  'CloudHsmClusterInvalidConfigurationException',
  'CloudHsmClusterNotActiveException',
  'CloudHsmClusterNotFoundException',
  'CloudHsmClusterNotRelatedException',
  'ConflictException',
  'CustomKeyStoreHasCMKsException',
  'CustomKeyStoreInvalidStateException',
  'CustomKeyStoreNameInUseException',
  'CustomKeyStoreNotFoundException',
  'DisabledException',
  'DryRunOperationException',
  'ExpiredImportTokenException',
  'IncorrectKeyException',
  'IncorrectKeyMaterialException',
  'IncorrectTrustAnchorException',
  'InvalidAliasNameException',
  'InvalidArnException',
  'InvalidCiphertextException',
  'InvalidGrantIdException',
  'InvalidGrantTokenException',
  'InvalidImportTokenException',
  'InvalidKeyUsageException',
  'InvalidMarkerException',
  'KMSInvalidMacException',
  'KMSInvalidSignatureException',
  'KMSInvalidStateException',
  'LimitExceededException',
  'MalformedPolicyDocumentException',
  'NotFoundException',
  'TagException',
  'UnsupportedOperationException',
  'XksKeyAlreadyInUseException',
  'XksKeyInvalidConfigurationException',
  'XksKeyNotFoundException',
  'XksProxyIncorrectAuthenticationCredentialException',
  'XksProxyInvalidConfigurationException',
  'XksProxyInvalidResponseException',
  'XksProxyUriEndpointInUseException',
  'XksProxyUriInUseException',
  'XksProxyUriUnreachableException',
  'XksProxyVpcEndpointServiceInUseException',
  'XksProxyVpcEndpointServiceInvalidConfigurationException',
  'XksProxyVpcEndpointServiceNotFoundException',
] as const;

/** Faults of the service in the KMS model. */
const modelFaults = [
  'DependencyTimeoutException',
  'KMSInternalException',
  'KeyUnavailableException',
] as const;

/** Errors of the framework: authentication, authorization, form of the request. */
const frameworkErrors = [
  'AccessDeniedException',
  'ExpiredTokenException',
  'IncompleteSignatureException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'NotAuthorizedException',
  'SerializationException',
  'UnknownOperationException',
  'UnrecognizedClientException',
  'ValidationException',
] as const;

/** The ones whose status differs. Those of the transport's limits: AWS's own answer was not recorded. */
const otherErrors = [
  'RequestEntityTooLargeException',
  'RequestTimeoutException',
  'ServiceUnavailableException',
  'ThrottlingException',
] as const;

export type ExceptionName =
  | (typeof modelClientErrors)[number]
  | (typeof modelFaults)[number]
  | (typeof frameworkErrors)[number]
  | (typeof otherErrors)[number];

function rows<N extends ExceptionName>(
  names: readonly N[],
  row: ExceptionRow,
): Record<N, ExceptionRow> {
  return Object.fromEntries(names.map((name) => [name, row])) as Record<N, ExceptionRow>;
}

const table: Readonly<Record<ExceptionName, ExceptionRow>> = {
  ...rows(modelClientErrors, { httpStatus: 400, retryable: false }),
  ...rows(modelFaults, { httpStatus: 500, retryable: true }),
  ...rows(frameworkErrors, { httpStatus: 400, retryable: false }),
  RequestEntityTooLargeException: { httpStatus: 413, retryable: false },
  RequestTimeoutException: { httpStatus: 408, retryable: true },
  ServiceUnavailableException: { httpStatus: 503, retryable: true },
  ThrottlingException: { httpStatus: 400, retryable: true },
};

/** All names, in the table's order. */
export const exceptionNames: readonly ExceptionName[] = Object.keys(table) as ExceptionName[];

/** An error the caller is told of. Its message goes on the wire as it is; '' means AWS sends none. */
export class KmsException extends Error {
  override readonly name: ExceptionName;
  readonly httpStatus: number;
  readonly retryable: boolean;

  constructor(name: ExceptionName, message?: string, options?: ErrorOptions) {
    super(message ?? '', options);
    this.name = name;
    this.httpStatus = table[name].httpStatus;
    this.retryable = table[name].retryable;
  }
}

/**
 * @param message what the caller reads; absent where AWS sends none
 * @param options `cause` for whoever debugs the service: it never reaches the wire
 */
export function kmsException(
  name: ExceptionName,
  message?: string,
  options?: ErrorOptions,
): KmsException {
  return new KmsException(name, message, options);
}

/** Body of an error reply: `{"__type":"NotFoundException","message":"..."}`, without message where there is none. */
export function encodeException(exception: KmsException): string {
  const { name, message } = exception;
  return JSON.stringify(message === '' ? { __type: name } : { __type: name, message });
}

import { describe, expect, test } from 'vitest';
import { encodeException, exceptionNames, kmsException } from '../../../src/api/exceptions.ts';

describe('exceptions', () => {
  test('every status is one the wire was seen to have', () => {
    const byStatus = Object.groupBy(exceptionNames, (name) => kmsException(name).httpStatus);
    expect(Object.keys(byStatus)).toEqual(['400', '408', '413', '500', '503']);
    expect(byStatus[500]).toEqual([
      'DependencyTimeoutException',
      'KMSInternalException',
      'KeyUnavailableException',
    ]);
  });

  test('clients try again after throttling, time-outs and faults only', () => {
    expect(exceptionNames.filter((name) => kmsException(name).retryable)).toEqual([
      'DependencyTimeoutException',
      'KMSInternalException',
      'KeyUnavailableException',
      'RequestTimeoutException',
      'ServiceUnavailableException',
      'ThrottlingException',
    ]);
  });

  test('a body has type and message', () => {
    const exception = kmsException('NotFoundException', "Invalid keyId '\"\n'");
    expect(encodeException(exception)).toBe(
      '{"__type":"NotFoundException","message":"Invalid keyId \'\\"\\n\'"}',
    );
    expect(exception).toBeInstanceOf(Error);
    expect(exception.name).toBe('NotFoundException');
  });

  test('where AWS sends no message there is none', () => {
    expect(encodeException(kmsException('InvalidCiphertextException'))).toBe(
      '{"__type":"InvalidCiphertextException"}',
    );
  });

  test('the cause stays in the house', () => {
    const exception = kmsException('KMSInternalException', undefined, {
      cause: 'CKR_DEVICE_ERROR',
    });
    expect(exception.cause).toBe('CKR_DEVICE_ERROR');
    expect(encodeException(exception)).toBe('{"__type":"KMSInternalException"}');
  });
});

/** Members of the model by the spelling of CloudTrail and of validation messages. */

/** Names are the model's own, so this holds no more than the model does. */
const lowerCamelNames = new Map<string, string>();

/** KeyId -> keyId. @param name of a member of the model */
export function lowerCamel(name: string): string {
  let lower = lowerCamelNames.get(name);
  if (lower === undefined) {
    lower = name.charAt(0).toLowerCase() + name.slice(1);
    lowerCamelNames.set(name, lower);
  }
  return lower;
}

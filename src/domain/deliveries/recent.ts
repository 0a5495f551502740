/** The last `size` values made for a key; a value that could not be made is forgotten. */
export function recent<Value>(size: number, make: (key: string) => Promise<Value>) {
  const values = new Map<string, Promise<Value>>();
  return (key: string): Promise<Value> => {
    const known = values.get(key);
    if (known !== undefined) return known;
    const made = make(key);
    values.set(key, made);
    made.catch(() => values.delete(key));
    if (values.size > size) values.delete(values.keys().next().value ?? "");
    return made;
  };
}

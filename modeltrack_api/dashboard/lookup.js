/** Looks names up that came from the URL or from data: `constructor` and `__proto__` are names as any other. */

/** Returns an object's own member of that name; `otherwise` if it has none, though it may inherit one. */
export const own = (object, name, otherwise) => (Object.hasOwn(object, name) ? object[name] : otherwise);

export const isOneOf = (object, name) => name !== undefined && Object.hasOwn(object, name);

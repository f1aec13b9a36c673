/** The exceptions of the client. All derive from {@link io.grps.client.errors.GrpsException}. */
package io.grps.client.errors;

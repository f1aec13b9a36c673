/** Calls the models of a GRPS service; begin with {@link io.grps.client.GrpsClient}. */
package io.grps.client;

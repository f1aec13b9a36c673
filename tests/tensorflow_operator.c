/* A custom operator of TensorFlow, by its C API: GrpsTriple(x) = 3 x. */
#include <stddef.h>
#include <stdint.h>

enum { FLOAT = 1 };

/* Everything of TensorFlow is opaque here. Its own headers can only be read by C++. */
void *TF_NewStatus(void);
void TF_DeleteStatus(void *status);
void *TF_NewOpDefinitionBuilder(const char *name);
void TF_OpDefinitionBuilderAddInput(void *builder, const char *input);
void TF_OpDefinitionBuilderAddOutput(void *builder, const char *output);
void TF_OpDefinitionBuilderSetShapeInferenceFunction(void *builder,
                                                     void (*infer)(void *, void *));
void TF_ShapeInferenceContextSetUnknownShape(void *context, void *status);
void TF_RegisterOpDefinition(void *builder, void *status);
void *TF_NewKernelBuilder(const char *name, const char *device, void *(*create)(void *),
                          void (*compute)(void *, void *), void (*destroy)(void *));
void TF_RegisterKernelBuilder(const char *name, void *builder, void *status);
void TF_GetInput(void *context, int index, void **tensor, void *status);
void *TF_AllocateOutput(void *context, int index, int dtype, const int64_t *dims, int count,
                        size_t bytes, void *status);
int64_t TF_Dim(const void *tensor, int index);
void *TF_TensorData(const void *tensor);
void TF_DeleteTensor(void *tensor);

static void compute(void *kernel, void *context) {
    (void)kernel;
    void *status = TF_NewStatus(), *input = NULL;
    TF_GetInput(context, 0, &input, status);
    int64_t count = TF_Dim(input, 0);
    size_t bytes = (size_t)count * sizeof(float);
    void *output = TF_AllocateOutput(context, 0, FLOAT, &count, 1, bytes, status);
    const float *from = TF_TensorData(input);
    float *to = TF_TensorData(output);
    for (int64_t i = 0; i < count; i++) to[i] = 3 * from[i];
    TF_DeleteTensor(output);
    TF_DeleteTensor(input);
    TF_DeleteStatus(status);
}

__attribute__((constructor)) static void register_operator(void) {
    void *status = TF_NewStatus();
    void *builder = TF_NewOpDefinitionBuilder("GrpsTriple");
    TF_OpDefinitionBuilderAddInput(builder, "x: float");
    TF_OpDefinitionBuilderAddOutput(builder, "y: float");
    /* Native code loads no operator without it. */
    TF_OpDefinitionBuilderSetShapeInferenceFunction(builder,
                                                    TF_ShapeInferenceContextSetUnknownShape);
    TF_RegisterOpDefinition(builder, status);
    void *kernel = TF_NewKernelBuilder("GrpsTriple", "CPU", NULL, compute, NULL);
    TF_RegisterKernelBuilder("GrpsTriple", kernel, status);
    TF_DeleteStatus(status);
}

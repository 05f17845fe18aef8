"""One file a question: session and models in, a result out."""
